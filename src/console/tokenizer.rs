//! Splits lines into commands, and commands into words.

/// Splits a line into commands at each `;` outside quotes, and drops comments. A `#` starts a
/// comment if it is a separate word or the first character of a command; `#1f77b4` is a colour.
pub(super) fn commands(line: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quote) = (Vec::new(), 0, None);
    let mut before = ' ';
    for (at, char) in line.char_indices() {
        let next = line[at + char.len_utf8()..].chars().next();
        match (quote, char) {
            (Some(open), char) if char == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if before.is_whitespace() || before == '=' => quote = Some(char),
            (None, ';') => {
                parts.push(&line[start..at]);
                start = at + 1;
            }
            (None, '#')
                if line[start..at].trim().is_empty()
                    || (before.is_whitespace() && next.is_none_or(char::is_whitespace)) =>
            {
                parts.push(&line[start..at]);
                start = line.len();
                break;
            }
            _ => {}
        }
        before = char;
    }
    parts.push(&line[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// Splits a command into words; quotes protect spaces.
pub(super) fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for char in command.chars() {
        match (quote, char) {
            (Some(open), char) if char == open => quote = None,
            (None, '"' | '\'') if word.as_ref().is_none_or(|word| word.ends_with('=')) => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (None, char) if char.is_whitespace() => words.extend(word.take()),
            (_, char) => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    words
}

/// Quotes a word where necessary.
pub(super) fn quoted(word: &str) -> String {
    if word.contains(|c: char| c.is_whitespace() || c == ';') {
        format!("\"{word}\"")
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_several_commands() {
        assert_eq!(commands("wait page; plot a ;go TP53"), ["wait page", "plot a", "go TP53"]);
        assert_eq!(commands("echo \"a; b\" # note; more"), ["echo \"a; b\""]);
        assert_eq!(commands("colors 1 #f00 #0f0"), ["colors 1 #f00 #0f0"]);
        assert_eq!(commands("set 1 title='a; b'"), ["set 1 title='a; b'"]);
        assert_eq!(commands("#!/usr/bin/epivizrs"), [""; 0]);
        assert_eq!(commands("echo 5' end; where"), ["echo 5' end", "where"]);
        assert_eq!(commands(" ; "), [""; 0]);
    }

    #[test]
    fn quotes_group_words() {
        assert_eq!(words("plot \"H3K4me3 rep 1\" b"), ["plot", "H3K4me3 rep 1", "b"]);
        assert_eq!(words("set 1 title='a b' x=\"\""), ["set", "1", "title=a b", "x="]);
        assert_eq!(words("say it's"), ["say", "it's"]);
        assert_eq!(quoted("a b"), "\"a b\"");
    }
}
