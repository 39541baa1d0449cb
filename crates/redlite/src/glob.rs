//! Redis' glob-style patterns, byte by byte.
//!
//! Source: <https://redis.io/docs/latest/commands/keys/>, and for what it leaves open redis-server 7.0, probed.

/// True where `pattern` matches all of `text`, as a search among what is stored has it: there `*` stands for
/// everything, and also for the empty text.
pub(super) fn selects(pattern: &[u8], text: &[u8]) -> bool {
    pattern == b"*" || matches(pattern, text)
}

/// True where `pattern` matches all of `text`. As in Redis, no pattern of stars matches the empty text.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_bounded(pattern, text, &mut false)
}

/// `give_up` is set once a `*` has failed on all that follows: then the stars before it need not try on.
fn matches_bounded(mut pattern: &[u8], mut text: &[u8], give_up: &mut bool) -> bool {
    while let (Some(&first), false) = (pattern.first(), text.is_empty()) {
        match first {
            b'*' => return matches_star(pattern, text, give_up),
            b'?' => {}
            b'[' => {
                let (matched, rest) = match_class(&pattern[1..], text[0]);
                if !matched {
                    return false;
                }
                // One byte is left before the rest, for the step at the loop's end to skip.
                pattern = &pattern[pattern.len() - rest.len() - 1..];
            }
            b'\\' if pattern.len() >= 2 => {
                pattern = &pattern[1..];
                if pattern[0] != text[0] {
                    return false;
                }
            }
            literal => {
                if literal != text[0] {
                    return false;
                }
            }
        }
        pattern = &pattern[1..];
        text = &text[1..];
        if text.is_empty() {
            pattern = skip_stars(pattern);
        }
    }
    pattern.is_empty() && text.is_empty()
}

fn skip_stars(pattern: &[u8]) -> &[u8] {
    &pattern[pattern.iter().take_while(|&&byte| byte == b'*').count()..]
}

/// Matches a pattern that starts with `*`.
fn matches_star(pattern: &[u8], mut text: &[u8], give_up: &mut bool) -> bool {
    let rest = skip_stars(pattern);
    if rest.is_empty() {
        return true;
    }
    while !text.is_empty() {
        if matches_bounded(rest, text, give_up) {
            return true;
        }
        if *give_up {
            return false;
        }
        text = &text[1..];
    }
    *give_up = true;
    false
}

/// Matches one byte with the class that follows `[`; what is left of the pattern after its `]`.
///
/// Redis' own reading: an open class ends with the pattern, and its last byte is then the `]`.
fn match_class(mut pattern: &[u8], byte: u8) -> (bool, &[u8]) {
    let negated = pattern.first() == Some(&b'^');
    if negated {
        pattern = &pattern[1..];
    }
    let mut matched = false;
    loop {
        match pattern {
            [] => return (matched != negated, pattern),
            [b'\\', literal, rest @ ..] => {
                matched |= *literal == byte;
                pattern = rest;
            }
            [b']', rest @ ..] => return (matched != negated, rest),
            [low, b'-', high, rest @ ..] => {
                // Redis compares its bytes as C's `char`, which has a sign.
                let (low, high, byte) = (low.cast_signed(), high.cast_signed(), byte.cast_signed());
                matched |= (low.min(high)..=low.max(high)).contains(&byte);
                pattern = rest;
            }
            [literal, rest @ ..] => {
                matched |= *literal == byte;
                pattern = rest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_redis() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(selects(pattern.as_bytes(), text.as_bytes()), expected, "{pattern:?} on {text:?}");
        };
        check("*", "", true);
        check("**", "", false);
        check("a**", "a", true);
        check("[a]*", "a", true);
        check("", "", true);
        check("", "a", false);
        check("h?llo", "hello", true);
        check("h?llo", "hllo", false);
        check("h*llo", "heeeello", true);
        check("h[ae]llo", "hallo", true);
        check("h[^e]llo", "hello", false);
        check("h[a-c]llo", "hbllo", true);
        check("h[c-a]llo", "hbllo", true);
        check("\\*", "*", true);
        check("\\", "\\", true);
        check("[a", "a", true);
        check("[", "[", false);
        check("[^", "a", true);
        check("[a-", "-", true);
        check("[\\]]", "]", true);
        check("a**b", "ab", true);
        check("*a*b*c", "xxaxxbxxc", true);
    }
}
