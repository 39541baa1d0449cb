//! The shape of a divergence: what is left of a trace without its data. Two findings of one class are two bugs where
//! their shortest traces have two shapes, and one where they have the same.

use std::collections::BTreeSet;

use super::{Divergence, kind};
use crate::trace::{Act, Op};
use resp::Reply;

/// The shape of what the last of `ops`, a shortest trace, shows: the commands with their option words, and the two
/// replies without data. `SET NX; GET: null-bulk/bulk`.
pub fn of_trace(ops: &[Op], divergence: &Divergence) -> String {
    let is_one_connection = ops.windows(2).all(|pair| pair[0].conn == pair[1].conn);
    let mut steps: Vec<String> = ops
        .iter()
        .map(|op| if is_one_connection { of_op(op) } else { format!("{}> {}", op.conn, of_op(op)) })
        .collect();
    // More than two in a row say no more than two.
    let mut run = 0;
    let mut last = String::new();
    steps.retain(|step| {
        run = if *step == last { run + 1 } else { 1 };
        last.clone_from(step);
        run <= 2
    });
    format!("{}: {}", steps.join("; "), of_replies(divergence))
}

/// The shape of the divergent op alone, for telling apart what is not shrunk yet.
pub fn of_divergent(op: &Op, divergence: &Divergence) -> String {
    format!("{}: {}", of_op(op), of_replies(divergence))
}

/// The command and its option words, in capitals and in order, with `<0` where a number is negative and `(` where a bound
/// is exclusive; of what is no command, what it does.
pub fn of_op(op: &Op) -> String {
    match &op.act {
        Act::Call(argv) => {
            let Some(command) = spec::lookup_request(argv) else {
                return argv
                    .get(0)
                    .map(|name| name.to_ascii_uppercase().escape_ascii().to_string())
                    .unwrap_or_default();
            };
            let words = spec::syntax::words(command.tree());
            let keys: BTreeSet<usize> = command.key_positions(argv).collect();
            let is_option = |word: &str| words.iter().any(|known| known.eq_ignore_ascii_case(word));
            let args = argv.iter().enumerate().skip(1).filter(|(at, _)| !keys.contains(at));
            let args: Vec<&str> = args.filter_map(|(_, arg)| std::str::from_utf8(arg).ok()).collect();
            let mut said: BTreeSet<String> =
                args.iter().filter(|arg| is_option(arg)).map(|arg| arg.to_ascii_uppercase()).collect();
            // What a range counts from its end, or leaves out, goes its own way in most servers.
            said.extend(args.iter().any(|arg| is_negative(arg)).then(|| "<0".to_owned()));
            said.extend(args.iter().any(|arg| is_exclusive(arg)).then(|| "(".to_owned()));
            let mut shape = command.name.to_owned();
            said.iter().filter(|word| !command.name.split(' ').any(|part| part == *word)).for_each(|word| {
                shape.push(' ');
                shape.push_str(word);
            });
            shape
        }
        Act::Raw(_) => "RAW".into(),
        Act::Open => "OPEN".into(),
        Act::Close => "CLOSE".into(),
        Act::Await => "AWAIT".into(),
        Act::Advance { .. } => "ADVANCE".into(),
        Act::Restart => "RESTART".into(),
        Act::Crash => "CRASH".into(),
        Act::Fault(fault) => fault.name.clone(),
    }
}

fn is_negative(arg: &str) -> bool {
    arg.starts_with('-') && arg.parse::<f64>().is_ok_and(|number| number < 0.0)
}

fn is_exclusive(arg: &str) -> bool {
    arg.len() > 1 && arg.starts_with('(')
}

fn of_replies(divergence: &Divergence) -> String {
    let Divergence { class, want, got, .. } = divergence;
    match (want.as_error(), got.as_error()) {
        (None, None) => format!("{} {}", class.rule, class.kind),
        _ => format!("{} {} [{} | {}]", class.rule, class.kind, of_reply(want), of_reply(got)),
    }
}

/// The text of an error without what was quoted in it; of anything else its sort.
fn of_reply(reply: &Reply) -> String {
    let Some(text) = reply.as_error() else { return kind::label(reply) };
    let text = String::from_utf8_lossy(text);
    let is_plain = |word: &&str| !word.contains(|c: char| c.is_ascii_digit() || matches!(c, '\'' | '"' | '`'));
    text.split_whitespace().filter(is_plain).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Class;
    use crate::trace::text::parse_op;

    fn check(lines: &[&str], want: Reply, got: Reply, expected: &str) {
        let ops: Vec<Op> = lines.iter().map(|line| parse_op(line.as_bytes()).expect("a line of a trace")).collect();
        let class = Class { command: "X".into(), rule: "exact".into(), kind: "kind".into() };
        let divergence = Divergence { at: ops.len() - 1, class, want, got, key: None, note: String::new() };
        assert_eq!(of_trace(&ops, &divergence), expected);
    }

    #[test]
    fn data_is_left_out() {
        check(&["set k v nx", "GET k"], Reply::NullBulk, Reply::bulk("v"), "SET NX; GET: exact kind");
        check(&["SET NX v", "GET NX"], Reply::NullBulk, Reply::bulk("v"), "SET; GET: exact kind");
        check(&["RPUSH k a", "RPUSH k b", "LLEN k"], Reply::Int(2), Reply::Int(3), "RPUSH; RPUSH; LLEN: exact kind");
        check(&["SADD k a", "SADD k b", "SADD k c"], Reply::Int(1), Reply::Int(0), "SADD; SADD: exact kind");
        check(&["LRANGE k -1 -1"], Reply::NullBulk, Reply::NullBulk, "LRANGE <0: exact kind");
        check(&["ZCOUNT k (1 2"], Reply::NullBulk, Reply::NullBulk, "ZCOUNT (: exact kind");
        check(&["CLIENT NO-EVICT on"], Reply::ok(), Reply::NullBulk, "CLIENT NO-EVICT ON: exact kind");
        check(&["NOPE a b"], Reply::ok(), Reply::NullBulk, "NOPE: exact kind");
    }

    #[test]
    fn errors_are_told_apart_by_their_words() {
        let (want, got) = (Reply::error("ERR value is not an integer"), Reply::error("ERR key 'k1' has 12 bytes"));
        check(&["INCR k"], want, got, "INCR: exact kind [ERR value is not an integer | ERR key has bytes]");
        check(&["GET k"], Reply::NullBulk, Reply::error("ERR no"), "GET: exact kind [null-bulk | ERR no]");
    }

    #[test]
    fn connections_are_part_of_it() {
        check(&["MULTI", "@1 SET k v"], Reply::ok(), Reply::NullBulk, "0> MULTI; 1> SET: exact kind");
    }
}
