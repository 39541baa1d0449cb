//! How a store is read, on servers that give fixed replies.

use super::*;

/// Database 0 of a server that gives these replies; there is no other database.
struct Fixed {
    info: &'static str,
    dbsize: Reply,
    randomkey: Reply,
    scan: Reply,
}

impl Fixed {
    fn empty() -> Self {
        let none = Reply::Array(vec![Reply::bulk("0"), Reply::Array(Vec::new())]);
        Self { info: "# Keyspace\r\n", dbsize: Reply::Int(0), randomkey: Reply::NullBulk, scan: none }
    }
}

impl Requests for Fixed {
    fn run(&mut self, requests: &[Argv]) -> Result<Vec<Reply>, Failure> {
        let answer = |argv: &Argv| match &argv[0] {
            b"INFO" => Reply::bulk(self.info),
            b"SELECT" if &argv[1] == b"0" => Reply::ok(),
            b"SELECT" => Reply::error("ERR DB index is out of range"),
            b"DBSIZE" => self.dbsize.clone(),
            b"RANDOMKEY" => self.randomkey.clone(),
            b"SCAN" => self.scan.clone(),
            other => panic!("{} is asked for", other.escape_ascii()),
        };
        Ok(requests.iter().map(answer).collect())
    }
}

#[track_caller]
fn check(mut server: Fixed, expected: Option<u64>) {
    assert_eq!(count_keys_for_sure(&mut server), Ok(expected));
}

#[test]
fn a_server_is_empty_only_where_all_answers_say_so() {
    let unknown = || Reply::error("ERR unknown command");
    let one = Reply::Array(vec![Reply::bulk("0"), Reply::Array(vec![Reply::bulk("k")])]);
    check(Fixed::empty(), Some(0));
    check(Fixed { dbsize: Reply::Int(3), ..Fixed::empty() }, Some(3));
    check(Fixed { randomkey: Reply::bulk("k"), ..Fixed::empty() }, Some(1));
    check(Fixed { info: "# Keyspace\r\ndb40:keys=2,expires=0\r\n", ..Fixed::empty() }, Some(2));
    check(Fixed { randomkey: unknown(), ..Fixed::empty() }, Some(0));
    check(Fixed { randomkey: unknown(), scan: one, ..Fixed::empty() }, Some(1));
    check(Fixed { randomkey: unknown(), scan: unknown(), ..Fixed::empty() }, None);
    check(Fixed { dbsize: unknown(), ..Fixed::empty() }, None);
    check(Fixed { info: "", ..Fixed::empty() }, None);
    check(Fixed { info: "# Keyspace\r\ndb0:many\r\n", ..Fixed::empty() }, None);
}

/// A server that holds strings and lists, those with capital names in database 1; it counts its round trips.
struct Small {
    strings: &'static [&'static str],
    lists: &'static [&'static str],
    db: u32,
    trips: usize,
}

impl Small {
    fn new(strings: &'static [&'static str], lists: &'static [&'static str]) -> Self {
        Self { strings, lists, db: 0, trips: 0 }
    }

    fn keys(&self, db: u32) -> Vec<Reply> {
        let keys = self.strings.iter().chain(self.lists);
        keys.filter(|key| db_of(key) == db).map(|&key| Reply::bulk(key)).collect()
    }

    fn answer(&mut self, argv: &Argv) -> Reply {
        let key = argv.get(1).and_then(|key| std::str::from_utf8(key).ok()).unwrap_or_default();
        let is_here = db_of(key) == self.db;
        let (is_string, is_list) = (is_here && self.strings.contains(&key), is_here && self.lists.contains(&key));
        match &argv[0] {
            b"INFO" => {
                let line = |db| format!("db{db}:keys={}\r\n", self.keys(db).len());
                let lines = (0..2).filter(|db| !self.keys(*db).is_empty()).map(line);
                Reply::bulk(format!("# Keyspace\r\n{}", lines.collect::<String>()))
            }
            b"SELECT" => {
                self.db = key.parse().expect("a number");
                Reply::ok()
            }
            b"KEYS" => Reply::Array(self.keys(self.db)),
            b"TYPE" if is_string => Reply::Simple(b"string".to_vec()),
            b"TYPE" if is_list => Reply::Simple(b"list".to_vec()),
            b"TYPE" => Reply::Simple(b"none".to_vec()),
            b"PEXPIRETIME" => Reply::Int(if is_string || is_list { -1 } else { -2 }),
            b"GET" if is_string => Reply::bulk(format!("value of {key}")),
            b"GET" if is_list => Reply::error("WRONGTYPE"),
            b"GET" => Reply::NullBulk,
            b"LRANGE" if is_list => Reply::Array(vec![Reply::bulk(key)]),
            b"LRANGE" => Reply::Array(Vec::new()),
            other => panic!("{} is asked for", other.escape_ascii()),
        }
    }
}

fn db_of(key: &str) -> u32 {
    u32::from(key.starts_with(|first: char| first.is_ascii_uppercase()))
}

impl Requests for Small {
    fn run(&mut self, requests: &[Argv]) -> Result<Vec<Reply>, Failure> {
        self.trips += 1;
        Ok(requests.iter().map(|argv| self.answer(argv)).collect())
    }
}

#[test]
fn what_is_expected_is_read_in_one_round_trip_and_all_else_as_well() {
    let read_anew = |server: &mut Small, mut known: Known| {
        server.trips = 0;
        read(server, &mut known, 0).ok().flatten().expect("a keyspace")
    };
    let expected = read_anew(&mut Small::new(&["a", "b", "C"], &["L", "l"]), Known::new());
    let check = |strings, lists, trips: usize| {
        let mut server = Small::new(strings, lists);
        let plain = read_anew(&mut server, Known::new());
        let mut known = Known::new();
        known.expect(&expected);
        assert_eq!(read_anew(&mut server, known), plain, "{strings:?} {lists:?}");
        assert_eq!(server.trips, trips, "{strings:?} {lists:?}");
    };
    check(&["a", "b", "C"], &["L", "l"], 1);
    check(&["C"], &["l"], 1);
    check(&[], &[], 1);
    // Another key, and a key of another type.
    check(&["a", "b", "C", "D"], &["L", "l"], 3);
    check(&["b"], &["C", "l"], 2);
}
