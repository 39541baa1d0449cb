//! One systemic difference is one finding, whatever the number of commands that show it.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::kind;
use crate::report::Finding;

/// From so many commands on that differ in the same way, they are one systemic finding.
const SYSTEMIC_COMMANDS_MIN: usize = 5;
/// The same for commands that the subject does not have: there is nothing else to say of any of them.
const UNSUPPORTED_COMMANDS_MIN: usize = 2;

/// True where the kind names a difference of sort, which many commands may share for one reason (`int/bulk`, `closed`,
/// `error-text`). Where only a value differs, as in `int-value`, each command may be wrong in its own way.
fn is_systemic(kind: &str) -> bool {
    kind.contains('/')
        || matches!(kind, "hung" | "closed" | "error-code" | "error-text" | "reference-hung" | "reference-closed")
        || kind.ends_with("-out-of-step")
}

/// Folds the findings that share rule and a systemic kind over many commands; each keeps its trace. That a command is
/// not there has nothing to do with the rule for its replies. `findings` are in the order in which they are told.
pub(super) fn fold_systemic(findings: Vec<Finding>) -> Vec<Finding> {
    let key = |finding: &Finding| {
        let rule = if finding.class.kind == kind::UNSUPPORTED { String::new() } else { finding.class.rule.clone() };
        (rule, finding.class.kind.clone())
    };
    let mut commands: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for finding in &findings {
        commands.entry(key(finding)).or_default().insert(finding.class.command.clone());
    }
    commands.retain(|(_, kind), commands| {
        kind == kind::UNSUPPORTED && commands.len() >= UNSUPPORTED_COMMANDS_MIN
            || is_systemic(kind) && commands.len() >= SYSTEMIC_COMMANDS_MIN
    });
    let mut folded: Vec<Finding> = Vec::new();
    let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
    for finding in findings {
        let key = key(&finding);
        match places.get(&key) {
            Some(&place) => absorb(&mut folded[place], finding),
            None => {
                if commands.contains_key(&key) {
                    places.insert(key, folded.len());
                }
                folded.push(finding);
            }
        }
    }
    folded
}

fn absorb(first: &mut Finding, finding: Finding) {
    first.count += finding.count;
    let command = finding.class.command;
    if command != first.class.command && !first.also.contains(&command) {
        first.also.push(command);
        first.also.sort();
    }
    first.also_traces.extend(finding.trace);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{Class, Divergence};
    use crate::seed::Seed;
    use resp::Reply;

    /// Findings given as `COMMAND rule kind` with count and first seed, folded.
    fn check(findings: &[(&str, u64, u64)], expected: &[&str]) {
        let finding = |&(name, count, seed): &(&str, u64, u64)| {
            let [command, rule, kind] = name.split(' ').collect::<Vec<_>>()[..] else { panic!("{name}: three words") };
            let class = Class { command: command.into(), rule: rule.into(), kind: kind.into() };
            let (want, got) = (Reply::Null, Reply::Null);
            let divergence = Divergence { at: 0, class, want, got, key: None, note: String::new() };
            let found = Finding::new(format!("seed {seed}"), &divergence, None);
            Finding { count, first_seed: Some(Seed(seed)), trace: Some(format!("{command}.trace")), ..found }
        };
        let folded = fold_systemic(findings.iter().map(finding).collect());
        let tell = |it: &Finding| format!("{} x{} from {} {:?}", it.class, it.count, it.found_in, it.also);
        assert_eq!(folded.iter().map(tell).collect::<Vec<_>>(), expected);
        let traces = folded.iter().map(|it| 1 + it.also_traces.len()).sum::<usize>();
        assert_eq!(traces, findings.len(), "each command keeps its trace");
    }

    #[test]
    fn a_difference_of_sort_in_many_commands_is_one_finding() {
        check(
            &[
                ("E exact int/bulk", 1, 1),
                ("B exact int/error", 1, 3),
                ("A exact int/error", 1, 5),
                ("E exact int/error", 4, 6),
                ("D exact int/error", 1, 7),
                ("C exact int/error", 1, 8),
            ],
            &["E exact int/bulk x1 from seed 1 []", r#"B exact int/error x8 from seed 3 ["A", "C", "D", "E"]"#],
        );
    }

    #[test]
    fn several_findings_of_few_commands_are_not_systemic() {
        let classes = ["A exact int/error", "B exact int/error", "A exact int/error", "B exact int/error"];
        let findings: Vec<_> =
            [&classes[..], &["C exact int/error"]].concat().into_iter().map(|it| (it, 1, 1)).collect();
        let expected: Vec<String> = findings.iter().map(|(class, ..)| format!("{class} x1 from seed 1 []")).collect();
        check(&findings, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn commands_that_the_subject_lacks_are_one_finding() {
        check(
            &[("B unordered unsupported", 2, 3), ("C exact int/bulk", 1, 4), ("A exact unsupported", 1, 5)],
            &[r#"B unordered unsupported x3 from seed 3 ["A"]"#, "C exact int/bulk x1 from seed 4 []"],
        );
        check(&[("A exact unsupported", 1, 5)], &["A exact unsupported x1 from seed 5 []"]);
    }

    #[test]
    fn values_that_differ_in_many_commands_are_bugs_of_their_own() {
        let classes = ["A", "B", "C", "D", "E"].map(|command| format!("{command} exact int-value"));
        let findings: Vec<_> = classes.iter().map(|class| (class.as_str(), 1, 1)).collect();
        let expected: Vec<String> = classes.iter().map(|class| format!("{class} x1 from seed 1 []")).collect();
        check(&findings, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
