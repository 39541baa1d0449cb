//! Redlite as a library: a Redis-compatible store in a file, with no server.
//!
//! `cargo run -p redlite --example embedded`

use redlite::{Redlite, RedliteClient};
use resp::Argv;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("shop.db");

    // The typed wrapper, for everyday commands.
    let mut shop = RedliteClient::new_file(&path)?;
    shop.set("greeting", "hello")?;
    shop.incr_by("visits", 1)?;
    println!("GET greeting   → {:?}", shop.get("greeting")?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));

    // Every other command, with the reply that Redis would give.
    println!("ZADD           → {:?}", shop.execute(["ZADD", "prices", "1.5", "apple", "0.5", "pear"]));
    println!("ZRANGE         → {:?}", shop.execute(["ZRANGE", "prices", "0", "-1", "WITHSCORES"]));
    println!("LPUSH greeting → {:?}", shop.execute(["LPUSH", "greeting", "x"]));
    drop(shop);

    // The file is still there, and several threads may use it.
    let store = Redlite::open(&path)?;
    let workers = (0..4).map(|_| {
        let mut client = store.client();
        std::thread::spawn(move || {
            for _ in 0..100 {
                client.execute(&Argv::from(["INCR", "visits"]));
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.join().map_err(|_| "a worker panicked")?;
    }
    println!("GET visits     → {:?}", store.client().execute(&Argv::from(["GET", "visits"])));
    Ok(())
}
