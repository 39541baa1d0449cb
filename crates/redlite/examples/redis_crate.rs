//! The crate `redis` without a server: swap the line that opens the connection, and the rest of the program stays.
//!
//! `cargo run -p redlite --example redis_crate --features redis`

use redis::{Commands, RedisResult};
use redlite::Redlite;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // let mut connection = redis::Client::open("redis://127.0.0.1/")?.get_connection()?;
    let mut connection = Redlite::open_in_memory()?.client();

    let () = connection.set("stock", 10)?;
    println!("INCRBY stock   → {}", connection.incr::<_, _, i64>("stock", 5)?);

    let (left, sold): (i64, i64) = redis::pipe().atomic().decr("stock", 3).incr("sold", 3).query(&mut connection)?;
    println!("MULTI … EXEC   → {left} left, {sold} sold");

    let () = connection.hset_multiple("apple", &[("colour", "red"), ("taste", "sweet")])?;
    println!("HGETALL apple  → {:?}", connection.hgetall::<_, std::collections::BTreeMap<String, String>>("apple")?);

    // Nobody sells between WATCH and EXEC, or it is done again.
    let (rest,): (i64,) = redis::transaction(&mut connection, &["stock"], |connection, pipe| {
        let stock: i64 = connection.get("stock")?;
        pipe.set("stock", stock / 2).ignore().get("stock").query(connection)
    })?;
    println!("transaction    → {rest} left");

    let refused: RedisResult<i64> = connection.lpush("stock", "x");
    println!("LPUSH stock    → {:?}", refused.map_err(|error| (error.code().map(str::to_owned), error.to_string())));
    Ok(())
}
