//! A small typed wrapper for Rust programs.

use std::path::Path;

use super::engine::{Client, Redlite};
use super::error::{Error, OpenError};
use resp::{Argv, Reply};

/// A store with a connection to it: the everyday commands with Rust's types, and [`RedliteClient::execute`] for
/// every other.
#[derive(Debug)]
pub struct RedliteClient {
    store: Redlite,
    client: Client,
}

impl RedliteClient {
    /// A new store in memory.
    ///
    /// # Errors
    /// As [`Redlite::open_in_memory`].
    pub fn new_memory() -> Result<Self, OpenError> {
        Ok(Self::over(Redlite::open_in_memory()?))
    }

    /// The store in the file at `path`, which is made where it is missing.
    ///
    /// # Errors
    /// As [`Redlite::open`].
    pub fn new_file(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Ok(Self::over(Redlite::open(path)?))
    }

    fn over(store: Redlite) -> Self {
        let client = store.client();
        Self { store, client }
    }

    /// The store itself, for more connections.
    pub fn store(&self) -> &Redlite {
        &self.store
    }

    /// Runs any command and returns the reply as it is.
    pub fn execute(&mut self, argv: impl Into<Argv>) -> Reply {
        self.client.execute(&argv.into())
    }

    fn call(&self, args: &[&[u8]]) -> Result<Reply, Error> {
        Error::check(self.client.run(&args.iter().collect()))
    }

    fn call_integer(&self, args: &[&[u8]]) -> Result<i64, Error> {
        match self.call(args)? {
            Reply::Int(value) => Ok(value),
            other => Err(Error::Unexpected(other)),
        }
    }

    fn call_bytes(&self, args: &[&[u8]]) -> Result<Option<Vec<u8>>, Error> {
        match self.call(args)? {
            Reply::Bulk(bytes) => Ok(Some(bytes)),
            Reply::NullBulk | Reply::Null => Ok(None),
            other => Err(Error::Unexpected(other)),
        }
    }

    /// `SET key value`
    ///
    /// # Errors
    /// [`Error`] where the store refuses.
    pub fn set(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<(), Error> {
        self.call(&[b"SET", key.as_ref(), value.as_ref()]).map(drop)
    }

    /// `GET key`
    ///
    /// # Errors
    /// [`Error`] where the key holds no string.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, Error> {
        self.call_bytes(&[b"GET", key.as_ref()])
    }

    /// `DEL key`; true where it was there.
    ///
    /// # Errors
    /// [`Error`] where the store refuses.
    pub fn del(&self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        Ok(self.call_integer(&[b"DEL", key.as_ref()])? == 1)
    }

    /// `INCRBY key by`; the new value.
    ///
    /// # Errors
    /// [`Error`] where the value is no integer or would overflow.
    pub fn incr_by(&self, key: impl AsRef<[u8]>, by: i64) -> Result<i64, Error> {
        self.call_integer(&[b"INCRBY", key.as_ref(), by.to_string().as_bytes()])
    }

    /// `PEXPIRE key ttl_ms`; true where the key was there.
    ///
    /// # Errors
    /// [`Error`] where the time is out of range.
    pub fn expire_ms(&self, key: impl AsRef<[u8]>, ttl_ms: i64) -> Result<bool, Error> {
        Ok(self.call_integer(&[b"PEXPIRE", key.as_ref(), ttl_ms.to_string().as_bytes()])? == 1)
    }
}
