//! Whether a class that somebody wrote can be one of a divergence: an entry that matches nothing looks like one that
//! holds.

use crate::diff::Class;
use crate::diff::keyspace;
use crate::diff::rules::RULES;

/// The rule of what both sides hold, and the ways in which that differs.
const KEYSPACE: &str = "keyspace";
const KEYSPACE_KINDS: &[&str] =
    &["missing-key", "extra-key", "type", "value", "details", "expiry", keyspace::UNREADABLE];
/// The rules that are no row of [`RULES`], beside that: of a connection that is out of step, and of stores under
/// faults.
const OTHER_RULES: &[&str] = &["step", "chaos"];

/// Looks whether a divergence can be of this class.
///
/// # Errors
/// What cannot be, and what should stand there.
pub(super) fn check(class: &Class) -> Result<(), String> {
    let Class { command, rule, kind } = class;
    let is_pattern = |text: &str| text.contains('*');
    if is_pattern(command) || is_pattern(rule) || is_pattern(kind) {
        return Err("an entry is of one class, and `*` matches nothing: list each class as dst prints it".into());
    }
    if command.is_empty() {
        return Err("the command is empty: it is the first word of the class as dst prints it".into());
    }
    if command.chars().any(char::is_lowercase) {
        let right = command.to_uppercase();
        return Err(format!("no class has the command {command:?}: commands are in capitals, here {right:?}"));
    }
    if rule == KEYSPACE {
        if !KEYSPACE_KINDS.contains(&kind.as_str()) {
            let kinds = KEYSPACE_KINDS.join(", ");
            return Err(format!("what is held never differs by {kind:?}, but by one of {kinds}"));
        }
    } else if !RULES.iter().map(|rule| rule.name).chain(OTHER_RULES.iter().copied()).any(|known| known == rule) {
        let rules: Vec<&str> =
            RULES.iter().map(|rule| rule.name).chain([KEYSPACE]).chain(OTHER_RULES.iter().copied()).collect();
        return Err(format!("there is no rule {rule:?}, but {}", rules.join(", ")));
    }
    if kind.is_empty() || kind.contains(char::is_whitespace) {
        return Err(format!("no kind is {kind:?}: it is the last word of the class as dst prints it"));
    }
    Ok(())
}

/// The class that a text says, as dst prints it: `OBJECT ENCODING exact bulk-value`.
///
/// # Errors
/// What cannot be, and what should stand there.
pub fn parse_class(text: &str) -> Result<Class, String> {
    let mut words = text.trim().rsplitn(3, ' ');
    let (Some(kind), Some(rule), Some(command)) = (words.next(), words.next(), words.next()) else {
        return Err(format!("{text:?} is no class, which is COMMAND RULE KIND, such as GET exact int/bulk"));
    };
    let class = Class { command: command.into(), rule: rule.into(), kind: kind.into() };
    check(&class).map(|()| class)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the text is as a class, or the error's beginning.
    #[track_caller]
    fn check_text(text: &str, expected: &str) {
        let found = parse_class(text).map_or_else(|error| error, |class| format!("{class:?}"));
        assert!(found.starts_with(expected), "{text}\ngave {found}");
    }

    #[test]
    fn classes_are_read_as_they_are_printed() {
        check_text("GET exact int/bulk", r#"Class { command: "GET", rule: "exact", kind: "int/bulk" }"#);
        check_text("OBJECT ENCODING exact bulk-value", r#"Class { command: "OBJECT ENCODING", rule: "exact""#);
        check_text("CRASH keyspace details", r#"Class { command: "CRASH", rule: "keyspace", kind: "details" }"#);
        check_text("EXEC exact BLMPOP:error-text", r#"Class { command: "EXEC""#);
    }

    #[test]
    fn what_no_divergence_is_of_is_refused() {
        check_text("* exact int/bulk", "an entry is of one class, and `*` matches nothing");
        check_text("GET exact *", "an entry is of one class, and `*` matches nothing");
        check_text("get exact int/bulk", "no class has the command \"get\": commands are in capitals, here \"GET\"");
        check_text("GET exakt int/bulk", "there is no rule \"exakt\", but exact, unordered");
        check_text(
            "GET keyspace error-text",
            "what is held never differs by \"error-text\", but by one of missing-key",
        );
        check_text("GET exact", "\"GET exact\" is no class");
        check_text("", "\"\" is no class");
    }
}
