//! Which requests are tried, and what is made of the replies.

use super::*;
use crate::diff::Keyspace;

/// The requests that a command is tried with: its plain form, then `WORD: request`.
#[track_caller]
fn check_forms(name: &str, expected: &[&str]) {
    let command = spec::lookup(name.as_bytes()).expect("a command");
    let words = |argv: &Argv| argv.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    let form = |probe: &Probe| match probe.word {
        Some(word) => format!("{word}: {}", words(&probe.request)),
        None => words(&probe.request),
    };
    assert_eq!(probes_of(command).iter().map(form).collect::<Vec<_>>(), expected, "{name}");
}

#[test]
fn each_word_that_may_be_left_out_has_a_form() {
    check_forms("GET", &["GET dst:get"]);
    check_forms(
        "EXPIRE",
        &[
            "EXPIRE dst:expire 100",
            "NX: EXPIRE dst:expire 100 NX",
            "XX: EXPIRE dst:expire 100 XX",
            "GT: EXPIRE dst:expire 100 GT",
            "LT: EXPIRE dst:expire 100 LT",
        ],
    );
    check_forms(
        "LMPOP",
        &["LMPOP 1 dst:lmpop LEFT", "RIGHT: LMPOP 1 dst:lmpop RIGHT", "COUNT: LMPOP 1 dst:lmpop LEFT COUNT 1"],
    );
    check_forms(
        "BITCOUNT",
        &["BITCOUNT dst:bitcount", "BYTE: BITCOUNT dst:bitcount 0 0 BYTE", "BIT: BITCOUNT dst:bitcount 0 0 BIT"],
    );
    check_forms("CLIENT KILL", &["CLIENT KILL ID 999999999"]);
}

/// A side that has these commands, answers these requests otherwise, and every other with OK.
struct Fixed {
    lacks: &'static [&'static str],
    answers: Vec<(&'static str, Reply)>,
}

impl Fixed {
    fn new(lacks: &'static [&'static str], answers: &[(&'static str, Reply)]) -> Self {
        Self { lacks, answers: answers.to_vec() }
    }
}

impl Session for Fixed {
    fn replay(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        for op in ops {
            let Some(argv) = op.argv() else {
                replies.push(Reply::ok());
                continue;
            };
            let request = argv.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
            let is_lacking = self.lacks.iter().any(|name| argv[0] == *name.as_bytes());
            let answer = self.answers.iter().find(|(part, _)| request.contains(part));
            replies.push(match answer {
                _ if is_lacking => Reply::error("ERR unknown command"),
                Some((_, reply)) => reply.clone(),
                None => Reply::ok(),
            });
        }
        Ok(())
    }

    fn keyspace(&mut self) -> Result<Option<Keyspace>, TargetError> {
        Ok(Some(Keyspace::default()))
    }

    fn out_of_step(&mut self) -> Result<Option<Reply>, TargetError> {
        Ok(None)
    }

    fn reset(&mut self, _: &Header) -> Result<(), TargetError> {
        Ok(())
    }
}

fn found(reference: Fixed, subject: Fixed) -> Preflight {
    let mut sessions = Sessions { reference: Box::new(reference), others: Vec::new(), subject: Box::new(subject) };
    probe(&mut sessions, Duration::from_secs(60)).expect("no side fails")
}

#[test]
fn a_command_lacks_where_the_reference_has_it() {
    let found = found(Fixed::new(&["LPOS"], &[]), Fixed::new(&["LPOS", "LPOP", "XGROUP"], &[]));
    let lacks: Vec<&str> = found.lacks.iter().copied().filter(|name| name.starts_with('L')).collect();
    assert_eq!(lacks, ["LPOP"]);
    assert!(found.lacks.contains("XGROUP CREATE"), "{:?}", found.lacks);
    assert!(!found.admits(&Op::call(0, ["lpop", "k"])) && found.admits(&Op::call(0, ["RPOP", "k"])));
    assert!(found.admits(&Op::call(0, ["NOSUCH", "k"])), "a name that no server has is sent");
}

const SYNTAX: Reply = Reply::Error(Vec::new());

#[test]
fn an_option_lacks_where_every_form_of_it_is_refused() {
    let refuses = &[(" GT", SYNTAX), ("BYBOX 100 100 KM", SYNTAX), ("BYBOX 100 100 MI", SYNTAX)];
    let found = found(Fixed::new(&[], &[]), Fixed::new(&[], refuses));
    let words: Vec<_> = found.lacks_options.iter().filter(|(name, _)| ["EXPIRE", "GEOSEARCH"].contains(name)).collect();
    assert_eq!(words, [&("EXPIRE", "GT")], "KM and MI are there for BYRADIUS");
    assert!(!found.admits(&Op::call(0, ["EXPIRE", "k", "1", "gt"])));
    assert!(found.admits(&Op::call(0, ["EXPIRE", "k", "1", "LT"])));
    assert!(found.describe().contains(&"EXPIRE refuses GT".to_owned()), "{:?}", found.describe());
}

#[test]
fn what_gives_no_reply_is_a_failure_of_its_command() {
    let found = found(
        Fixed::new(&[], &[]),
        Fixed::new(&[], &[("SETRANGE", Reply::Hung), ("STRLEN dst:strlen", Reply::Closed)]),
    );
    let failures: Vec<&str> = found.failures.keys().copied().collect();
    assert_eq!(failures, ["SETRANGE", "STRLEN"]);
    assert!(found.lacks.is_empty() && found.describe().contains(&"SETRANGE hangs".to_owned()));
}

#[test]
fn odd_forms_are_named() {
    let want = [("PING", Reply::bulk("dst"))];
    let of = |got: Reply| found(Fixed::new(&[], &want), Fixed::new(&[], &[("PING", got)])).odd.remove("PING");
    assert_eq!(of(Reply::bulk("dst")), None);
    assert_eq!(of(Reply::Simple(b"PONG".to_vec())), Some("it ignores its argument"));
    assert_eq!(odd_form(&Reply::bulk("dst"), &Reply::Simple(b"PONG".to_vec())), Some("it ignores its argument"));
    assert_eq!(
        odd_form(&Reply::bulk("a"), &Reply::Simple(b"a".to_vec())),
        Some("it sends a bulk string as a simple string")
    );
    assert_eq!(odd_form(&Reply::bulk("a"), &Reply::Simple(b"b".to_vec())), None);
}

#[test]
fn all_is_put_back() {
    let mut sessions = Sessions {
        reference: Box::new(Fixed::new(&[], &[])),
        others: Vec::new(),
        subject: Box::new(Fixed::new(&[], &[])),
    };
    let first = probe(&mut sessions, Duration::from_secs(60)).expect("no side fails");
    assert_eq!(
        probe(&mut sessions, Duration::from_secs(60)).expect("no side fails"),
        first,
        "it depends on nothing else"
    );
    assert_eq!(first.untried, 0);
    assert!(first.commands > 200, "{} commands are tried", first.commands);
    let over = probe(&mut sessions, Duration::ZERO).expect("no side fails");
    assert_eq!((over.commands, over.untried), (0, first.commands), "the time is over at once");
}
