#!/bin/sh
# madsim 0.2.34: a Runtime that is dropped does not drop the tasks that still wait, where somebody holds their wakers.
#
# A task that owns what holds its own waker (a connection that is woken when there is something to send, say) stays in
# memory for good, with all that it owns: whoever runs one Runtime a seed leaks every such task. tokio's Runtime drops
# the futures of all its tasks as it goes, whoever holds their wakers. With madsim, kill the node and let time pass
# before block_on ends: a killed task is dropped when it is woken.
#
# Seen on 2026-12-01: madsim 0.2.34 and tokio 1.54.1, Rust with RUSTFLAGS="--cfg madsim", Linux x86-64:
#
#   madsim, runtime dropped: future dropped: false
#   madsim, node killed first: future dropped: true
#   tokio, runtime dropped: future dropped: true
#
# Needs cargo. Fails where the output is another.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/src"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "dropped-runtime"
version = "0.0.0"
edition = "2024"

[dependencies]
madsim = { version = "=0.2.34", default-features = false }
tokio = { version = "=1.54.1", features = ["rt", "time"] }
TOML
cat > "$dir/src/main.rs" <<'RUST'
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

/// Says when it is dropped.
struct Owned(Arc<AtomicBool>);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A task that owns what holds its own waker, and waits.
async fn wait(owned: Owned) {
    let waker: Arc<Mutex<Option<Waker>>> = Arc::default();
    poll_fn(|context| {
        *waker.lock().unwrap() = Some(context.waker().clone());
        Poll::<()>::Pending
    })
    .await;
    drop(owned);
}

fn check(name: &str, run: impl FnOnce(Owned)) {
    let dropped = Arc::new(AtomicBool::new(false));
    run(Owned(Arc::clone(&dropped)));
    println!("{name}: future dropped: {}", dropped.load(Ordering::SeqCst));
}

fn main() {
    use madsim::runtime::{Handle, Runtime};
    check("madsim, runtime dropped", |owned| {
        Runtime::new().block_on(async {
            Handle::current().create_node().build().spawn(wait(owned));
            madsim::time::sleep(Duration::from_millis(5)).await;
        });
    });
    check("madsim, node killed first", |owned| {
        Runtime::new().block_on(async {
            let node = Handle::current().create_node().build();
            node.spawn(wait(owned));
            madsim::time::sleep(Duration::from_millis(5)).await;
            Handle::current().kill(node.id());
            madsim::time::sleep(Duration::from_millis(5)).await;
        });
    });
    check("tokio, runtime dropped", |owned| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            tokio::spawn(wait(owned));
            tokio::time::sleep(Duration::from_millis(5)).await;
        });
    });
}
RUST
cat > "$dir/expected" <<'TEXT'
madsim, runtime dropped: future dropped: false
madsim, node killed first: future dropped: true
tokio, runtime dropped: future dropped: true
TEXT
(cd "$dir" && RUSTFLAGS='--cfg madsim' cargo run --quiet) > "$dir/seen"
cat "$dir/seen"
cmp "$dir/seen" "$dir/expected" || { echo "this has changed" >&2; exit 1; }
