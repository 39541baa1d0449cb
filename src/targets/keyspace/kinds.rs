//! How the value of each type is read: by one command, and a second time by another means.

use crate::diff::UNTOLD;
use resp::{Argv, Reply};

/// How the value of one type is read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::targets) struct Kind {
    pub name: &'static str,
    command: &'static str,
    args: &'static [&'static str],
    order: Order,
    second: Second,
    /// True for a stream, which has more than its value: XINFO tells of it.
    has_details: bool,
}

/// By what else the value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Second {
    /// This command with these arguments behind the key.
    Whole(&'static [&'static str]),
    /// The same, and the elements come the other way round.
    Reversed(&'static [&'static str]),
    /// Each element by its index, as many as the first command says.
    ByIndex(&'static str, &'static str),
    /// The value of each field, of those that the first command tells.
    ByField(&'static str, &'static str),
}

/// How many elements a sample has.
const SAMPLE_ELEMENTS: u32 = 20;
/// The most elements that are read one by one.
const ELEMENTS_MAX: usize = 1000;

impl Kind {
    /// Requests that write a value of this type to `key`, and how that is read.
    pub fn sample(&self, key: &[u8]) -> (Vec<Argv>, Reply) {
        let numbers: Vec<String> = (0..SAMPLE_ELEMENTS).map(|number| format!("{number:02}")).collect();
        let with = |command: &str, args: &[String]| {
            let mut argv = Argv::from([command.as_bytes(), key]);
            args.iter().for_each(|arg| argv.push(arg.as_bytes()));
            argv
        };
        let twice: Vec<String> = numbers.iter().flat_map(|number| [number.clone(), number.clone()]).collect();
        let plain = |args: &[String]| Reply::Array(args.iter().map(|arg| Reply::bulk(&arg[..])).collect());
        let score = |number: &String| number.trim_start_matches('0').parse().unwrap_or(0).to_string();
        match self.name {
            "string" => (vec![with("SET", &numbers[..1])], Reply::bulk(&numbers[0][..])),
            "list" => (vec![with("RPUSH", &numbers)], plain(&numbers)),
            "set" => (vec![with("SADD", &numbers)], plain(&numbers)),
            "hash" => (vec![with("HSET", &twice)], plain(&twice)),
            "zset" => {
                let read: Vec<String> = numbers.iter().flat_map(|number| [number.clone(), score(number)]).collect();
                (vec![with("ZADD", &twice)], plain(&read))
            }
            _ => {
                let id = |number: &String| format!("1-{}", score(number).parse().unwrap_or(0) + 1);
                let entry = |number: &String| {
                    Reply::Array(vec![Reply::bulk(&id(number)[..]), plain(&[number.clone(), number.clone()])])
                };
                let add = |number: &String| with("XADD", &[id(number), number.clone(), number.clone()]);
                (numbers.iter().map(add).collect(), Reply::Array(numbers.iter().map(entry).collect()))
            }
        }
    }

    /// Asks for the value of `key`.
    pub fn request(&self, key: &[u8]) -> Argv {
        let mut argv = Argv::from([self.command.as_bytes(), key]);
        self.args.iter().for_each(|arg| argv.push(arg.as_bytes()));
        argv
    }

    /// The command that reads it.
    pub fn command(&self) -> &'static str {
        self.command
    }

    /// Asks for all that `key` holds.
    pub fn ask(&self, key: &[u8], requests: &mut Vec<Argv>) {
        requests.push(self.request(key));
        requests.extend(self.details_request(key));
    }

    /// Takes the replies to that: the value, and the details where there are any.
    pub fn take(&self, replies: &mut impl Iterator<Item = Reply>) -> (Reply, Option<Reply>) {
        let value = replies.next().map_or(Reply::NullBulk, |value| match value {
            Reply::Closed => UNTOLD,
            value => in_order(value, self.order),
        });
        let details = if self.has_details { replies.next().and_then(stream_details) } else { None };
        (value, details)
    }

    /// Asks for all that is known of `key`, where that is more than its value.
    pub fn details_request(&self, key: &[u8]) -> Option<Argv> {
        let details: [&[u8]; 6] = [b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"];
        self.has_details.then(|| Argv::from(details))
    }

    /// The value of `key` by other commands than [`Kind::request`]; `None` where one of them gives none. `run` runs
    /// requests and gives a reply for each.
    pub fn read_again<E>(
        &self,
        key: &[u8],
        mut run: impl FnMut(&[Argv]) -> Result<Vec<Reply>, E>,
    ) -> Result<Option<Reply>, E> {
        let with = |command: &str, args: &[&[u8]]| {
            let mut argv = Argv::from([command.as_bytes(), key]);
            args.iter().for_each(|arg| argv.push(arg));
            argv
        };
        let whole = |words: &[&str]| {
            let args: Vec<&[u8]> = words[1..].iter().map(|word| word.as_bytes()).collect();
            with(words[0], &args)
        };
        let value = match self.second {
            Second::Whole(words) => run(&[whole(words)])?.pop(),
            Second::Reversed(words) => run(&[whole(words)])?.pop().map(reversed),
            Second::ByIndex(count, one) => {
                let Some(Reply::Int(count)) = run(&[with(count, &[])])?.pop() else { return Ok(None) };
                let indexes = 0..usize::try_from(count).unwrap_or(0).min(ELEMENTS_MAX);
                let requests: Vec<Argv> = indexes.map(|at| with(one, &[at.to_string().as_bytes()])).collect();
                Some(Reply::Array(run(&requests)?.into_iter().map(as_bulk).collect()))
            }
            Second::ByField(names, one) => {
                let Some(Reply::Array(fields)) = run(&[with(names, &[])])?.pop() else { return Ok(None) };
                let fields: Vec<Reply> = fields.into_iter().take(ELEMENTS_MAX).collect();
                let name = |field: &Reply| field.as_bytes().unwrap_or_default().to_vec();
                let requests: Vec<Argv> = fields.iter().map(|field| with(one, &[&name(field)])).collect();
                let values = run(&requests)?.into_iter().map(as_bulk);
                Some(Reply::Array(fields.into_iter().zip(values).flat_map(|(field, value)| [field, value]).collect()))
            }
        };
        let is_value = |value: &Reply| value.as_error().is_none();
        Ok(value.filter(is_value).map(|value| in_order(value, self.order)))
    }
}

/// How a value is brought into canonical order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    AsItIs,
    Elements,
    Pairs,
}

/// The types of Redis' keyspace. A value of another type is left out (`NullBulk`).
#[rustfmt::skip] // a table: one row a line
pub(in crate::targets) const KINDS: &[Kind] = &[
    Kind { name: "string", command: "GET", args: &[], order: Order::AsItIs, second: Second::Whole(&["GETRANGE", "0", "-1"]), has_details: false },
    Kind { name: "list", command: "LRANGE", args: &["0", "-1"], order: Order::AsItIs, second: Second::ByIndex("LLEN", "LINDEX"), has_details: false },
    Kind { name: "hash", command: "HGETALL", args: &[], order: Order::Pairs, second: Second::ByField("HKEYS", "HGET"), has_details: false },
    Kind { name: "set", command: "SMEMBERS", args: &[], order: Order::Elements, second: Second::Whole(&["SUNION"]), has_details: false },
    Kind { name: "zset", command: "ZRANGE", args: &["0", "-1", "WITHSCORES"], order: Order::AsItIs, second: Second::Whole(&["ZRANGEBYSCORE", "-inf", "+inf", "WITHSCORES"]), has_details: false },
    Kind { name: "stream", command: "XRANGE", args: &["-", "+"], order: Order::AsItIs, second: Second::Reversed(&["XREVRANGE", "+", "-"]), has_details: true },
];

/// The kind that TYPE calls so.
pub(in crate::targets) fn kind_named(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// What XINFO STREAM FULL says, but for the entries, which are the value, and for how the server keeps them. `None`
/// where it does not know the command.
fn stream_details(info: Reply) -> Option<Reply> {
    const LEFT_OUT: [&[u8]; 3] = [b"entries", b"radix-tree-keys", b"radix-tree-nodes"];
    let Reply::Array(items) = info else { return None };
    let (pairs, _) = items.as_chunks::<2>();
    let told = pairs.iter().filter(|[name, _]| name.as_bytes().is_none_or(|name| !LEFT_OUT.contains(&name)));
    Some(Reply::Array(told.flatten().cloned().collect()))
}

/// A string, however it was sent: what it says is what counts.
fn as_bulk(reply: Reply) -> Reply {
    if let Reply::Simple(text) = reply { Reply::Bulk(text) } else { reply }
}

fn reversed(value: Reply) -> Reply {
    match value {
        Reply::Array(mut items) => {
            items.reverse();
            Reply::Array(items)
        }
        other => other,
    }
}

fn in_order(value: Reply, order: Order) -> Reply {
    let Reply::Array(mut items) = value else { return value };
    match order {
        Order::AsItIs => {}
        Order::Elements => items.sort_by(|a, b| a.as_bytes().cmp(&b.as_bytes())),
        Order::Pairs => {
            let mut pairs: Vec<&[Reply]> = items.chunks(2).collect();
            pairs.sort_by(|a, b| a[0].as_bytes().cmp(&b[0].as_bytes()));
            items = pairs.concat();
        }
    }
    Reply::Array(items)
}
