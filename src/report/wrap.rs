//! Long lines on several.

/// How wide a text is where it is wrapped, in characters.
pub const WIDTH: usize = 80;

/// Puts `parts` on lines of up to `width` characters, or of one part; `between` stands behind each but the last.
pub fn wrap<T: AsRef<str>>(parts: &[T], between: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let part = part.as_ref().to_owned() + if at + 1 < parts.len() { between } else { "" };
        let fits = |line: &String| line.chars().count() + part.trim_end().chars().count() <= width;
        match lines.last_mut().filter(|line| fits(line)) {
            Some(line) => line.push_str(&part),
            None => lines.push(part),
        }
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_its_parts() {
        let check = |parts: &[&str], width, expected: &[&str]| {
            assert_eq!(wrap(parts, ", ", width), expected, "{parts:?} in {width}");
        };
        check(&[], 10, &[]);
        check(&["open 1", "read 2"], 14, &["open 1, read 2"]);
        check(&["open 1", "read 2"], 13, &["open 1,", "read 2"]);
        check(&["a", "b", "c"], 5, &["a, b,", "c"]);
        check(&["longer than that", "b"], 5, &["longer than that,", "b"]);
    }
}
