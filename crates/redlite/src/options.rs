//! How a store is opened.

use std::path::Path;
use std::sync::Arc;

use super::engine::Redlite;
use super::env::{Clock, Random};
use super::error::OpenError;
use super::failure::{Failure, refuse, texts};
use super::store::{Durability, FileOptions, Store};
use super::vfs::{DiskStorage, Storage};
use resp::Argv;

/// How a store is opened: by default everything that was acknowledged outlasts a power loss, the clock is the machine's,
/// and there is no password.
///
/// ```
/// use redlite::{Durability, Error, Options};
///
/// let store = Options::new().durability(Durability::Normal).store_bytes_max(1 << 20).open_in_memory()?;
/// let large = "x".repeat(2 << 20);
/// let error = store.client().request(["SET", "key", &large]).expect_err("it does not fit");
/// assert!(matches!(error, Error::DiskFull(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "it opens nothing by itself"]
pub struct Options {
    pub(super) file: FileOptions,
    pub(super) clock: Clock,
    /// `None` for a sequence that differs in every process.
    pub(super) random: Option<Random>,
    pub(super) password: Option<Vec<u8>>,
    pub(super) limits: Limits,
}

/// What a command may ask for, and what it is told of its process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// No string grows beyond so many bytes.
    pub string_bytes_max: usize,
    /// As INFO tells it.
    pub process_id: u32,
}

impl Limits {
    /// Refuses a request with an argument that is longer than a string may be.
    pub fn check(self, argv: &Argv) -> Result<(), Failure> {
        let is_long = |arg: &[u8]| arg.len() > self.string_bytes_max;
        if argv.bytes_len() > self.string_bytes_max && argv.iter().any(is_long) {
            return refuse(texts::STRING_TOO_LONG);
        }
        Ok(())
    }
}

impl Default for Limits {
    /// Redis' `proto-max-bulk-len`, and this process.
    fn default() -> Self {
        Self { string_bytes_max: 512 << 20, process_id: std::process::id() }
    }
}

impl Options {
    /// The usual ones.
    pub fn new() -> Self {
        Self::default()
    }

    /// What outlasts a power loss: [`Durability::Full`] unless this says something else. In memory nothing does.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.file.durability = durability;
        self
    }

    /// How much of the file SQLite keeps in memory, in bytes: 2 MB unless this says something else, and always a few
    /// pages. A store in memory has all of it there.
    pub fn page_cache_bytes(mut self, bytes: u64) -> Self {
        self.file.page_cache_bytes = Some(bytes);
        self
    }

    /// Where it takes its time from: the machine's clock unless this says something else.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Where SPOP and its like take their picks from: a sequence that differs in every process unless this says
    /// something else.
    pub fn random(mut self, random: Random) -> Self {
        self.random = Some(random);
        self
    }

    /// Demands this password of every connection, until CONFIG SET `requirepass` says another: it has to send AUTH or
    /// HELLO first. An empty one demands nothing.
    pub fn password(mut self, password: impl Into<Vec<u8>>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// The most bytes that the store may take, in its file and without its log, or in memory; a page more or less. A
    /// command that would need more is answered as where the disk is full ([`Error::DiskFull`](crate::Error::DiskFull)),
    /// and changes nothing. One that is larger already does not grow.
    pub fn store_bytes_max(mut self, bytes: u64) -> Self {
        self.file.store_bytes_max = Some(bytes);
        self
    }

    /// The most bytes that a string may come to have, which bounds what a single SETRANGE or SETBIT costs: Redis'
    /// `proto-max-bulk-len`, 512 MB unless this says something else. An argument of more is refused, too.
    pub fn string_bytes_max(mut self, bytes: usize) -> Self {
        self.limits.string_bytes_max = bytes;
        self
    }

    /// Opens the store in the file at `path`, which is made where it is missing. One from before there were checksums
    /// is replaced with a copy that has some, which takes a while the first time.
    ///
    /// # Errors
    /// [`OpenError`] where the file cannot be opened, is damaged, or is no store.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Redlite, OpenError> {
        self.open_in(Arc::new(DiskStorage), path.as_ref())
    }

    /// Opens an empty store that lives as long as its last handle.
    ///
    /// # Errors
    /// [`OpenError`] where SQLite has no memory.
    pub fn open_in_memory(&self) -> Result<Redlite, OpenError> {
        Ok(Redlite::new(Store::open_memory(self.file)?, self.clone()))
    }

    pub(crate) fn open_in(&self, storage: Arc<dyn Storage>, name: &Path) -> Result<Redlite, OpenError> {
        Ok(Redlite::new(Store::open_on(storage, name, self.file)?, self.clone()))
    }
}

/// For tests of what a store makes of its files.
#[cfg(feature = "testing")]
impl Options {
    /// Without this, pages that do not match their checksums are served as they are: only to test that it makes a
    /// difference.
    pub fn verify(mut self, verify: bool) -> Self {
        self.file.verify = verify;
        self
    }

    /// What INFO calls the process, where it is to be the same in every one.
    pub fn process_id(mut self, process_id: u32) -> Self {
        self.limits.process_id = process_id;
        self
    }

    /// Bytes of a page of a store that is made: a power of two from 512 to 65536.
    pub fn page_bytes(mut self, page_bytes: u32) -> Self {
        self.file.page_bytes = page_bytes;
        self
    }

    /// As [`Options::open`], of a file in `storage`.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open_on(&self, storage: Arc<dyn Storage>, name: impl AsRef<Path>) -> Result<Redlite, OpenError> {
        self.open_in(storage, name.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use resp::Reply;

    const TOO_LONG: &str = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

    /// What a request comes to on a store that is opened so.
    #[track_caller]
    fn check(options: &Options, request: &str, expected: Result<Reply, &str>) {
        let mut client = options.open_in_memory().expect("memory").client();
        let outcome = client.request(request.split(' ').collect::<Vec<_>>());
        assert_eq!(outcome.map_err(|error| error.text()), expected.map_err(str::to_owned), "{request}");
    }

    #[test]
    fn no_string_is_longer_than_it_may_be() {
        let short = Options::new().string_bytes_max(10);
        check(&short, "SET k 1234567890", Ok(Reply::ok()));
        check(&short, "SET k 12345678901", Err(TOO_LONG));
        check(&short, "RPUSH k 1 12345678901", Err(TOO_LONG));
        check(&short, "MSET k 123456 l 123456", Ok(Reply::ok()));
        check(&short, "SETRANGE k 9 x", Ok(Reply::Int(10)));
        check(&short, "SETRANGE k 10 x", Err(TOO_LONG));
        check(&short, "SETBIT k 79 1", Ok(Reply::Int(0)));
        check(&short, "SETBIT k 80 1", Err("ERR bit offset is not an integer or out of range"));
    }

    #[test]
    fn a_password_is_demanded() {
        let secret = Options::new().password("secret");
        check(&secret, "GET k", Err("NOAUTH Authentication required."));
        check(&secret, "AUTH secret", Ok(Reply::ok()));
    }

    /// Fills a store until it is as large as it may be; what is deleted makes room, and what was there stays.
    fn fill(store: &Redlite) {
        let mut client = store.client();
        let value = "v".repeat(1000);
        let mut set = |key: u32| client.request(["SET", &format!("k{key}"), &value]);
        let held = (0..10_000).find(|&key| set(key).is_err()).expect("it may not take all that");
        assert!(held > 50, "{held} values of 1000 bytes");
        assert!(matches!(set(held), Err(Error::DiskFull(_))));
        let mut client = store.client();
        for key in 0..held / 2 {
            assert_eq!(client.request(["DEL", &format!("k{key}")]), Ok(Reply::Int(1)));
        }
        assert_eq!(client.request(["SET", "new", &value]), Ok(Reply::ok()));
        assert_eq!(client.request(["DBSIZE"]), Ok(Reply::Int(i64::from(held - held / 2 + 1))));
    }

    #[test]
    fn a_store_is_no_larger_than_it_may_be() {
        let small = Options::new().store_bytes_max(200 << 10);
        fill(&small.open_in_memory().expect("memory"));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        let store = small.open(&path).expect("a store");
        fill(&store);
        store.checkpoint().expect("it is written back");
        drop(store);
        assert!(path.metadata().expect("the file").len() <= 200 << 10);
        let larger = Options::new().store_bytes_max(10 << 10).open(&path).expect("a store");
        let error = larger.client().request(["SET", "k", &"v".repeat(100_000)]).expect_err("it does not grow");
        assert!(matches!(error, Error::DiskFull(_)), "{error:?}");
    }

    #[test]
    fn a_store_is_shared_and_sent() {
        fn check<T: Clone + Send + Sync>() {}
        check::<Redlite>();
        check::<Options>();
        fn check_connection<T: Send + Sync>() {}
        check_connection::<crate::Client>();
        check_connection::<crate::RedliteClient>();
    }
}
