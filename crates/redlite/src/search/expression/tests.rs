use super::*;

/// The value of an expression on a row where `@n` is 7, `@t` is `Hello`, `@d` is the text `2.5` and nothing else is.
#[track_caller]
fn check(text: &str, expected: &str) {
    let got = match parse(text.as_bytes()) {
        Err(error) => error.to_string(),
        Ok(parsed) => {
            let values = parsed.properties.iter().map(|name| match &name[..] {
                b"n" => Value::Number(7.0),
                b"t" => Value::Text(b"Hello".to_vec()),
                b"d" => Value::Text(b"2.5".to_vec()),
                _ => Value::Null,
            });
            match parsed.expression.evaluate(&values.collect::<Vec<_>>()) {
                Value::Null => "nothing".to_owned(),
                value => String::from_utf8_lossy(&value.text()).into_owned(),
            }
        }
    };
    assert_eq!(got, expected, "{text}");
}

#[test]
fn operators_bind_as_usual() {
    check("1 + 2 * 3", "7");
    check("(1+2)*3", "9");
    check("10 - 2 - 3", "5");
    check("2 ^ 3 ^ 2", "512");
    check("2 * 3 ^ 2", "18");
    check("7 % 4 / 2", "1.5");
    check("@n - 1 >= 6 && @t == 'Hello'", "1");
    check("1 == 2 || 3 < 2", "0");
    check("!@n == 7 || 1", "1");
    check("!(@n == 7)", "0");
    check("@d * 2", "5");
    check("1 / 3", "0.333333333333");
    check("1 / 0", "inf");
    check("-5 + +3", "-2");
    check("5 -3", "2");
}

#[test]
fn what_is_missing_has_no_value() {
    check("@none + 1", "nothing");
    check("@t + 1", "nothing");
    check("@none == 1", "0");
    check("@none != 1", "1");
    check("exists(@none) + exists(@n)", "1");
    check("upper(@none)", "nothing");
    check("NULL", "nothing");
}

#[test]
fn functions_do_what_they_say() {
    check("upper(@t)", "HELLO");
    check("LOWER(@t)", "hello");
    check("strlen(@t) + strlen('')", "5");
    check("substr(@t, 1, 3)", "ell");
    check("substr(@t, -2, -1)", "lo");
    check("substr(@t, 9, 9)", "");
    check("contains(@t, 'l')", "2");
    check("contains('aaa', 'aa')", "1");
    check("contains(@t, '')", "6");
    check("startswith(@t, \"He\")", "1");
    check("format('%s is %s%%', @t, @n)", "Hello is 7%");
    check("split('a, b,,c ')", "a,b,c");
    check("floor(@d) + ceil(@d) + abs(-1) + sqrt(16)", "10");
    check("to_number('12') + 1", "13");
    check("to_str(5)", "5");
    check("'it\\'s'", "it's");
}

#[test]
fn an_error_says_where() {
    check("", "Syntax error at offset 0 near ''");
    check("1 +", "Syntax error at offset 3 near ''");
    check("1 2", "Syntax error at offset 2 near '2'");
    check("(1", "Syntax error at offset 2 near ''");
    check("@", "Syntax error at offset 0 near '@'");
    check("'open", "Syntax error at offset 0 near '''");
    check("foo", "Unknown symbol 'foo'");
    check("foo(1)", "Unknown function name 'foo'");
    check("upper()", "Function 'upper' expects 1 arguments, but got 0");
    check("split(1,2,3,4)", "Function 'split' expects between 1 and 3 arguments, but got 4");
    check(&"(".repeat(1000), "Expression is nested too deeply at offset 101");
    check(&"1+".repeat(1000), "Expression is nested too deeply at offset 202");
    check(&"1".repeat(70_000), "Expression is too large at offset 65536");
}
