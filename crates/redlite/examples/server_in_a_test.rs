//! A server in a test: on a free port, in memory, gone when the test is over. Any client of Redis can talk to it.
//!
//! `cargo run -p redlite --example server_in_a_test --features server`

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use redlite::Redlite;
use redlite::server::{Executor, Listener, Settings, serve};
use tokio::sync::oneshot;

/// A server on a thread of its own, which stops when this is dropped.
struct Server {
    address: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(store: Redlite) -> Result<Self, Box<dyn std::error::Error>> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::spawn(move || {
            runtime.block_on(async move {
                let listener = match Listener::tcp("127.0.0.1:0", false).await {
                    Ok(listener) => listener,
                    Err(error) => return drop(tell.send(Err(error))),
                };
                let _ = tell.send(Ok(listener.address()));
                let executor = Arc::new(Executor::new(store, Settings::default()));
                // An error says that the server was dropped: that stops it, too.
                serve(executor, vec![listener], async { drop(stopped.await) }).await;
            });
        });
        Ok(Self { address: told.recv()??, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Redlite::open_in_memory()?;
    let server = Server::start(store.clone())?;
    println!("listening on {}", server.address);

    // The program under test, here a client by hand.
    let mut stream = TcpStream::connect(&server.address)?;
    stream.write_all(b"SET greeting hello\r\nGET greeting\r\n")?;
    let mut answer = [0; 16];
    stream.read_exact(&mut answer)?;
    println!("it was answered {:?}", String::from_utf8_lossy(&answer));

    // The test looks into the store without the server.
    println!("the store holds {:?}", store.client().request(["GET", "greeting"])?);
    Ok(())
}
