//! A file that survives: what was acknowledged is there again after the process has ended without a word.
//!
//! `cargo run -p redlite --example survives`

use std::env;
use std::process::{Command, abort};

use redlite::{Durability, Options, Reply};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(path) = env::args().nth(1) {
        // The child: each write is synced before it is answered, unless `Durability::Normal` is asked for.
        let store = Options::new().durability(Durability::Full).open(path)?;
        let mut client = store.client();
        for entry in 0..100 {
            client.request(["RPUSH", "journal", &format!("entry {entry}")])?;
        }
        abort();
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("journal.db");
    let ended = Command::new(env::current_exe()?).arg(&path).status()?;
    println!("the writer ended with {ended}");

    let store = Options::new().open(&path)?;
    let Reply::Int(entries) = store.client().request(["LLEN", "journal"])? else { return Err("no number".into()) };
    println!("{entries} entries are there; wrong with the file: {:?}", store.find_damage()?);
    Ok(())
}
