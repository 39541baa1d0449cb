//! Messages between threads of one program: a subscriber sleeps until there is one.
//!
//! `cargo run -p redlite --example pubsub`

use std::thread;
use std::time::Duration;

use redlite::{Argv, Redlite, Reply};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Redlite::open_in_memory()?;
    let mut subscriber = store.client();
    println!("subscriber: {:?}", words(&subscriber.execute(&Argv::from(["SUBSCRIBE", "news"]))));

    let reader = thread::spawn(move || {
        // No frames within the time: the publisher has come to its end.
        while let reply @ (Reply::Array(_) | Reply::Frames(_)) = subscriber.wait(Some(Duration::from_millis(500))) {
            if reply.frames().is_empty() {
                break;
            }
            reply.frames().iter().for_each(|message| println!("subscriber: {:?}", words(message)));
        }
    });

    let mut publisher = store.client();
    for text in ["one", "two", "three"] {
        let receivers = publisher.execute(&Argv::from(["PUBLISH", "news", text]));
        println!("publisher:  {text} reaches {receivers:?}");
        thread::sleep(Duration::from_millis(50));
    }
    reader.join().map_err(|_| "the subscriber panicked")?;
    Ok(())
}

/// The strings of a message.
fn words(message: &Reply) -> Vec<String> {
    let words = message.as_elements().unwrap_or_default().iter().filter_map(Reply::as_bytes);
    words.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
}
