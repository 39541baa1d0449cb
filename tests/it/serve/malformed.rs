//! Malformed requests: what Redis answers each is what `dst serve` answers, and the connection is closed where Redis
//! closes it.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use redlite_dst::seed::{Seed, Stream};

use super::Server;

const REQUESTS: usize = 100_000;
/// How many connections are open at once.
const WAVE: usize = 250;
/// How often a server must have answered another client until it has surely run and answered what came before. A turn
/// of its loop reads 16 KiB of a connection.
const ROUND_TRIPS: usize = 12;

/// Commands that change nothing, so that the order in which connections are served does not matter.
const COMMANDS: &[&[&str]] = &[
    &["PING"],
    &["PING", "a"],
    &["ECHO", "hi"],
    &["GET", "k"],
    &["GET"],
    &["SELECT", "3"],
    &["EXISTS", "a", "b"],
    &["NOPE", "x"],
    &["MULTI"],
    &["EXEC"],
    &["QUIT"],
    &["LRANGE", "l", "0", "-1"],
    &["RESET"],
    &["", ""],
    &["POST"],
    &["TTL", "k"],
];

/// What stands where a number is expected.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "10",
    "-1",
    "-0",
    "01",
    "+1",
    " 1",
    "1 ",
    "",
    "1.0",
    "1e3",
    "x",
    "2147483647",
    "2147483648",
    "4294967297",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "536870912",
    "536870913",
    "1048577",
    "99999999999999999999999",
    "0x1",
    "\0",
    "1\0",
];

const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"*",
    b"$",
    b"*1\r\n",
    b"$4\r\nPING\r\n",
    b"PING",
    b"\"",
    b"'",
    b"\\",
    b"\\x41",
    b"\\x4",
    b" ",
    b"\t",
    b"\0",
    b"\x0b",
    b"\xff",
    b"+OK\r\n",
    b"-ERR\r\n",
    b":1\r\n",
    b"_\r\n",
    b"$-1\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"a",
    b"host: x\r\n",
    b"GET / HTTP/1.1\r\n",
    b"ECHO ",
];

fn well_formed(stream: &mut Stream) -> Vec<u8> {
    let words = *stream.pick(COMMANDS);
    if stream.chance(1, 3) {
        return format!("{}\r\n", words.join(" ")).into_bytes();
    }
    let args: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{args}", words.len()).into_bytes()
}

/// A well-formed request in which something is changed.
fn mutated(stream: &mut Stream) -> Vec<u8> {
    let mut bytes = well_formed(stream);
    for _ in 0..stream.between(1, 3) {
        let at = stream.below(bytes.len() as u32 + 1) as usize;
        match stream.below(5) {
            0 if at < bytes.len() => bytes[at] = stream.bits32() as u8,
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, stream.bits32() as u8),
            _ => drop(bytes.splice(at..at, stream.pick(PIECES).iter().copied())),
        }
    }
    bytes
}

fn with_odd_numbers(stream: &mut Stream) -> Vec<u8> {
    let mut number =
        |usual: &str| if stream.chance(1, 2) { usual.to_owned() } else { (*stream.pick(NUMBERS)).to_owned() };
    format!("*{}\r\n${}\r\nECHO\r\n${}\r\nabc\r\n", number("2"), number("4"), number("3")).into_bytes()
}

fn pieces(stream: &mut Stream) -> Vec<u8> {
    (0..stream.between(1, 12)).flat_map(|_| stream.pick(PIECES).to_vec()).collect()
}

/// A line about as long as a line may be.
fn long_line(stream: &mut Stream) -> Vec<u8> {
    let start = *stream.pick(&[b"" as &[u8], b"*", b"*1\r\n$", b"*1\r\nx", b"PING "]);
    let length = (64 << 10) + stream.below(9) as usize - 4;
    let mut bytes = start.to_vec();
    bytes.resize(length, b'1');
    bytes
}

fn malformed(stream: &mut Stream) -> Vec<u8> {
    let mut bytes = match stream.below(200) {
        0 => long_line(stream),
        1..=79 => mutated(stream),
        80..=129 => with_odd_numbers(stream),
        130..=179 => pieces(stream),
        _ => {
            let mut noise = vec![0; stream.between(1, 40) as usize];
            stream.fill(&mut noise);
            noise
        }
    };
    if stream.chance(1, 2) {
        bytes.splice(0..0, well_formed(stream));
    }
    if stream.chance(1, 2) {
        bytes.extend(b"\r\nPING\r\n");
    }
    bytes
}

/// What arrived for one string of bytes, and whether the connection was closed.
type Answer = (Vec<u8>, bool);

/// Sends each string on a connection of its own, all at once.
fn answers(socket: &Path, requests: &[Vec<u8>]) -> Vec<Answer> {
    let mut admin = UnixStream::connect(socket).expect("the server lives");
    admin.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let connections: Vec<UnixStream> = requests
        .iter()
        .map(|request| {
            let mut connection = UnixStream::connect(socket).expect("the server lives");
            // An error says that it was closed before all was sent.
            let _ = connection.write_all(request);
            connection
        })
        .collect();
    for _ in 0..ROUND_TRIPS {
        admin.write_all(b"PING\r\n").expect("the server lives");
        admin.read_exact(&mut [0; 7]).expect("the server lives");
    }
    connections.into_iter().map(read_all).collect()
}

fn read_all(mut connection: UnixStream) -> Answer {
    connection.set_nonblocking(true).expect("a socket");
    let mut bytes = Vec::new();
    match connection.read_to_end(&mut bytes) {
        Ok(_) => (bytes, true),
        Err(error) => (bytes, error.kind() != ErrorKind::WouldBlock),
    }
}

/// A redis-server, killed when dropped.
struct Redis(Child);

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn malformed_requests_get_what_redis_answers() {
    let server = Server::start(&[]);
    let redis_socket = server.folder.path().join("redis");
    let redis = Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
        .arg(&redis_socket)
        .current_dir(server.folder.path())
        .stdout(Stdio::null())
        .spawn();
    let _redis = Redis(redis.expect("redis-server is on PATH (Debian: apt install redis-server)"));
    while UnixStream::connect(&redis_socket).is_err() {
        thread::sleep(Duration::from_millis(5));
    }
    let (mut closed, mut silent) = (0, 0);
    let mut stream = Seed(7).stream("malformed requests");
    for _ in 0..REQUESTS / WAVE {
        let requests: Vec<Vec<u8>> = (0..WAVE).map(|_| malformed(&mut stream)).collect();
        let socket = server.socket();
        let (wants, gots) = thread::scope(|scope| {
            let wants = scope.spawn(|| answers(&redis_socket, &requests));
            let gots = answers(&socket, &requests);
            (wants.join().expect("Redis answers"), gots)
        });
        for ((request, want), got) in requests.iter().zip(wants).zip(gots) {
            let shown = |(bytes, closed): &Answer| format!("{}, closed: {closed}", bytes.escape_ascii());
            assert_eq!(shown(&got), shown(&want), "sent: {}", request[..request.len().min(200)].escape_ascii());
            closed += usize::from(want.1);
            silent += usize::from(want.0.is_empty());
        }
    }
    // The generator does what it is for.
    assert!((REQUESTS / 5..REQUESTS * 4 / 5).contains(&closed), "{closed} of {REQUESTS} were closed");
    assert!(silent < REQUESTS / 3, "{silent} of {REQUESTS} got no answer");
}
