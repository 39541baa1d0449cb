//! Threads and tasks that wait until something arrives.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use redlite::env::{Clock, Random};
use redlite::{Argv, Client, Options, Redlite, Reply};

/// Longer than anything takes that is not stuck.
pub const LONG: Duration = Duration::from_secs(20);

/// Runs a future on this thread, which parks meanwhile.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

pub fn memory() -> Redlite {
    Redlite::open_in_memory().expect("a store in memory")
}

pub fn run(client: &mut Client, line: &str) -> Reply {
    client.execute(&line.split_whitespace().collect())
}

fn array(items: &[&str]) -> Reply {
    Reply::Array(items.iter().map(|item| Reply::bulk(*item)).collect())
}

/// Both ways to wait.
const WAYS: [fn(&mut Client) -> Reply; 2] = [|client| client.wait(Some(LONG)), |client| block_on(client.wait_async())];

/// A client that has said `own`, and waits, is told `expected` once others have said `lines`; also where they were
/// faster.
fn check(own: &[&str], lines: &[&str], expected: &Reply) {
    for wait in WAYS {
        for delay_ms in [0, 30] {
            let store = memory();
            let (mut waiting, mut other) = (store.client(), store.client());
            own.iter().for_each(|line| drop(run(&mut waiting, line)));
            thread::scope(|scope| {
                scope.spawn(move || {
                    thread::sleep(Duration::from_millis(delay_ms));
                    lines.iter().for_each(|line| drop(run(&mut other, line)));
                });
                assert_eq!(&wait(&mut waiting), expected, "{own:?} {lines:?}");
            });
        }
    }
}

#[test]
fn whoever_waits_is_woken() {
    check(&["BLPOP k 0"], &["RPUSH k v"], &array(&["k", "v"]));
    check(&["BLPOP k 10"], &["SET other x", "RPUSH k v"], &array(&["k", "v"]));
    check(&["BLMOVE k l LEFT LEFT 0"], &["MULTI", "RPUSH k v", "EXEC"], &Reply::bulk("v"));
    check(&["SUBSCRIBE a"], &["PUBLISH a hi"], &array(&["message", "a", "hi"]));
    check(&["PSUBSCRIBE a*"], &["PUBLISH b x", "PUBLISH ab hi"], &array(&["pmessage", "a*", "ab", "hi"]));
    check(&["BLPOP k 0"], &["CLIENT UNBLOCK 1"], &Reply::NullArray);
    check(&["BLPOP k 0"], &["CLIENT KILL ID 1"], &Reply::Closed);
    check(&["SUBSCRIBE a"], &["CLIENT KILL ID 1"], &Reply::Closed);
    check(&["HELLO 3", "BLPOP k 0.05"], &[], &Reply::Null);
    check(&["BLPOP k 0.05"], &[], &Reply::NullArray);
}

#[test]
fn where_nothing_can_arrive_nobody_waits() {
    let mut client = memory().client();
    assert_eq!(client.wait(None), Reply::Frames(Vec::new()));
    assert_eq!(block_on(client.wait_async()), Reply::Frames(Vec::new()));
    run(&mut client, "QUIT");
    assert_eq!(client.wait(None), Reply::Closed);
}

#[test]
fn a_wait_ends_when_its_time_is_over() {
    let store = memory();
    let mut client = store.client();
    let begin = Instant::now();
    assert_eq!(client.wait(Some(Duration::from_millis(50))), Reply::Frames(Vec::new()));
    run(&mut client, "BLPOP k 0");
    assert_eq!(client.wait(Some(Duration::from_millis(50))), Reply::Pending);
    assert_eq!(client.wait(Some(Duration::ZERO)), Reply::Pending);
    assert!((Duration::from_millis(100)..LONG).contains(&begin.elapsed()));
    run(&mut store.client(), "RPUSH k v");
    assert_eq!(client.wait(None), array(&["k", "v"]));
}

#[test]
fn messages_come_before_the_reply_that_is_awaited() {
    let store = memory();
    let (mut waiting, mut other) = (store.client(), store.client());
    ["HELLO 3", "SUBSCRIBE a", "BLPOP k 0"].iter().for_each(|line| drop(run(&mut waiting, line)));
    let message = Reply::Push(["message", "a", "hi"].map(Reply::bulk).to_vec());
    run(&mut other, "PUBLISH a hi");
    assert_eq!(waiting.wait(Some(LONG)), Reply::Frames(vec![message.clone(), Reply::Pending]));
    run(&mut other, "PUBLISH a hi");
    run(&mut other, "RPUSH k v");
    assert_eq!(waiting.wait(Some(LONG)), Reply::Frames(vec![message, array(&["k", "v"])]));
}

#[test]
fn a_manual_clock_may_be_moved_meanwhile() {
    for wait in WAYS {
        let clock = Clock::manual(1_000);
        let options = Options::new().clock(clock.clone()).random(Random::seeded(1));
        let store = options.open_in_memory().expect("a store in memory");
        let mut client = store.client();
        run(&mut client, "BLPOP k 3600");
        assert_eq!(client.wait(Some(Duration::from_millis(20))), Reply::Pending);
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(20));
                clock.advance(3_600_001);
            });
            assert_eq!(wait(&mut client), Reply::NullArray);
        });
    }
}

#[test]
fn a_wait_that_is_cancelled_takes_nothing() {
    let store = memory();
    let (mut client, mut other) = (store.client(), store.client());
    assert!(!client.cancel_wait());
    run(&mut client, "CLIENT REPLY SKIP");
    run(&mut client, "BLPOP k 0");
    assert!(client.cancel_wait());
    assert_eq!(client.poll(), Reply::Frames(Vec::new()));
    assert_eq!(run(&mut other, "RPUSH k v"), Reply::Int(1));
    assert_eq!(run(&mut client, "LLEN k"), Reply::Int(1));
    assert_eq!(run(&mut client, "BLPOP k 0"), array(&["k", "v"]));
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_future_that_is_dropped_wakes_nobody_and_loses_nothing() {
    let store = memory();
    let (mut client, mut other) = (store.client(), store.client());
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    run(&mut client, "BLPOP k 60");
    assert!(pin!(client.wait_async()).as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    run(&mut other, "RPUSH k v");
    thread::sleep(Duration::from_millis(150));
    assert_eq!(count.0.load(Ordering::SeqCst), 0);
    drop(waker);
    assert_eq!(Arc::strong_count(&count), 1, "nobody holds the waker");
    assert_eq!(block_on(client.wait_async()), array(&["k", "v"]));
}

#[test]
fn a_task_is_woken_once_and_by_the_last_waker() {
    let store = memory();
    let (mut client, mut other) = (store.client(), store.client());
    run(&mut client, "SUBSCRIBE a");
    let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
    for count in &counts {
        let waker = Waker::from(Arc::clone(count));
        assert!(client.poll_wait(&mut Context::from_waker(&waker)).is_pending());
    }
    run(&mut other, "PUBLISH a 1");
    run(&mut other, "PUBLISH a 2");
    assert_eq!(counts.each_ref().map(|count| count.0.load(Ordering::SeqCst)), [0, 1]);
    assert!(client.poll_wait(&mut Context::from_waker(Waker::noop())).is_ready());
}

/// A task that is gone when it is woken takes its own client with it.
#[test]
fn a_waker_may_end_a_connection() {
    struct Task(std::sync::Mutex<Option<Client>>);
    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().expect("nobody panicked").take());
        }
    }
    let store = memory();
    let mut client = store.client();
    run(&mut client, "SUBSCRIBE a");
    let task = Arc::new(Task(std::sync::Mutex::new(None)));
    let waker = Waker::from(Arc::clone(&task));
    assert!(client.poll_wait(&mut Context::from_waker(&waker)).is_pending());
    *task.0.lock().expect("nobody panicked") = Some(client);
    let mut other = store.client();
    assert_eq!(run(&mut other, "PUBLISH a hi"), Reply::Int(1));
    assert_eq!(run(&mut other, "PUBLISH a hi"), Reply::Int(0));
}

#[test]
fn many_threads_take_turns() {
    let store = memory();
    thread::scope(|scope| {
        for at in 0..8 {
            let mut client = store.client();
            scope.spawn(move || {
                for _ in 0..50 {
                    let mut reply = client.execute(&Argv::from(["BRPOPLPUSH", "balls", "balls2", "0"]));
                    if reply == Reply::Pending {
                        reply = WAYS[at % 2](&mut client);
                    }
                    assert_eq!(reply, Reply::bulk("ball"));
                    run(&mut client, "LMOVE balls2 balls LEFT LEFT");
                }
            });
        }
        run(&mut store.client(), "RPUSH balls ball");
    });
    assert_eq!(run(&mut store.client(), "LLEN balls"), Reply::Int(1));
}
