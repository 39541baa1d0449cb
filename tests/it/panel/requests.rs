//! The requests that a client sends, one by one, with the bytes that they came as.

use resp::Argv;

/// Longer inline requests are refused by Redis, and longer numbers by everyone.
const LINE_BYTES_MAX: usize = 64 << 10;
/// The most arguments, and the most bytes of one, that are read: more is for the server to refuse.
const ARGS_MAX: usize = 1 << 20;
const ARG_BYTES_MAX: usize = 512 << 20;

/// What stands at the start of what a client has sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Not yet a whole request.
    Incomplete,
    /// A request, and its bytes.
    Request(Argv, Vec<u8>),
    /// What no server answers: an empty line, or an array of nothing.
    Nothing(Vec<u8>),
    /// What is no request, or one whose bounds are for the server to judge. All that follows is passed on unread.
    Unreadable,
}

/// Bytes that a client has sent, and that were not taken yet.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    start: usize,
}

impl Inbox {
    /// Appends what has come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// All that was not taken.
    pub fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.bytes.split_off(self.start);
        self.bytes.clear();
        self.start = 0;
        rest
    }

    /// The next request, which stays.
    pub fn peek(&mut self) -> Option<Argv> {
        let start = self.start;
        let next = self.take_next();
        self.start = start;
        if let Next::Request(argv, _) = next { Some(argv) } else { None }
    }

    /// The next request.
    pub fn take_next(&mut self) -> Next {
        let input = &self.bytes[self.start..];
        let parsed = match input.first() {
            None => return Next::Incomplete,
            Some(b'*') => parse_array(input),
            Some(_) => parse_line(input),
        };
        match parsed {
            Ok((argv, used)) => {
                let bytes = input[..used].to_vec();
                self.start += used;
                if argv.is_empty() { Next::Nothing(bytes) } else { Next::Request(argv, bytes) }
            }
            Err(Stop::Incomplete) => Next::Incomplete,
            Err(Stop::Unreadable) => Next::Unreadable,
        }
    }
}

enum Stop {
    Incomplete,
    Unreadable,
}

/// An inline request. Quotes are left to the server.
fn parse_line(input: &[u8]) -> Result<(Argv, usize), Stop> {
    let Some(end) = input.iter().position(|&byte| byte == b'\n') else {
        return Err(if input.len() > LINE_BYTES_MAX { Stop::Unreadable } else { Stop::Incomplete });
    };
    let line = &input[..end];
    if line.iter().any(|byte| matches!(byte, b'"' | b'\'' | 0)) {
        return Err(Stop::Unreadable);
    }
    let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    Ok((words.collect(), end + 1))
}

fn parse_array(input: &[u8]) -> Result<(Argv, usize), Stop> {
    let (count, mut at) = parse_length(input, ARGS_MAX)?;
    let mut argv = Argv::new();
    for _ in 0..count {
        match input.get(at) {
            None => return Err(Stop::Incomplete),
            Some(b'$') => {}
            Some(_) => return Err(Stop::Unreadable),
        }
        let (length, head) = parse_length(&input[at..], ARG_BYTES_MAX)?;
        let from = at + head;
        if input.len() < from + length + 2 {
            return Err(Stop::Incomplete);
        }
        argv.push(&input[from..from + length]);
        at = from + length + 2;
    }
    Ok((argv, at))
}

/// The number behind the first byte, and how many bytes its line has.
fn parse_length(input: &[u8], max: usize) -> Result<(usize, usize), Stop> {
    let Some(end) = input.iter().position(|&byte| byte == b'\r') else {
        return Err(if input.len() > 32 { Stop::Unreadable } else { Stop::Incomplete });
    };
    let digits = &input[1..end];
    let is_canonical = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) && (digits[0] != b'0' || end == 2);
    let length = std::str::from_utf8(digits).ok().filter(|_| is_canonical).and_then(|text| text.parse().ok());
    match (length, input.get(end + 1)) {
        (Some(length), Some(_)) if length <= max => Ok((length, end + 2)),
        (Some(length), None) if length <= max => Err(Stop::Incomplete),
        _ => Err(Stop::Unreadable),
    }
}

#[test]
fn requests_are_read_one_by_one() {
    #[track_caller]
    fn check(sent: &str, expected: &[&str]) {
        let mut inbox = Inbox::default();
        inbox.feed(sent.as_bytes());
        let mut seen = Vec::new();
        loop {
            match inbox.take_next() {
                Next::Request(argv, _) => {
                    seen.push(argv.iter().map(|arg| arg.escape_ascii().to_string()).collect::<Vec<_>>().join(" "));
                }
                Next::Nothing(_) => seen.push("nothing".to_owned()),
                Next::Incomplete => break,
                Next::Unreadable => {
                    seen.push(format!("unreadable {}", inbox.take_rest().len()));
                    break;
                }
            }
        }
        assert_eq!(seen, expected, "{sent:?}");
    }
    check("*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\n", &["PING", "ECHO \\r\\n"]);
    check("PING\r\n\r\n get  k \n*0\r\n", &["PING", "nothing", "get k", "nothing"]);
    check("*2\r\n$3\r\nGET\r\n$1\r\n", &[]);
    check("*x\r\nPING\r\n", &["unreadable 10"]);
    check("*1\r\n$-1\r\n", &["unreadable 9"]);
    check("PING\r\nECHO \"a b\"\r\n", &["PING", "unreadable 12"]);
}
