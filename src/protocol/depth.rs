//! The depth of JSON, before it is parsed.

/// Returns how deeply the lists and objects of a JSON text are nested; in text that is not JSON, some
/// number.
pub fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_objects_count_but_not_brackets_in_strings() {
        for (text, expected) in [
            ("7", 0),
            ("[]", 1),
            (r#"{"a":[1,{"b":2}],"c":[]}"#, 3),
            (r#"["[[[", "\"[[", "\\"]"#, 1),
            ("]]][[", 2),
        ] {
            assert_eq!(depth(text), expected, "{text}");
        }
    }
}
