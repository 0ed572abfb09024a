//! CSS colours.

use crate::error::{Error, Result};

/// The named colours of CSS (Color Module Level 4).
const NAMES: &str = "aliceblue antiquewhite aqua aquamarine azure beige bisque black \
    blanchedalmond blue blueviolet brown burlywood cadetblue chartreuse chocolate coral \
    cornflowerblue cornsilk crimson cyan darkblue darkcyan darkgoldenrod darkgray darkgreen \
    darkgrey darkkhaki darkmagenta darkolivegreen darkorange darkorchid darkred darksalmon \
    darkseagreen darkslateblue darkslategray darkslategrey darkturquoise darkviolet deeppink \
    deepskyblue dimgray dimgrey dodgerblue firebrick floralwhite forestgreen fuchsia gainsboro \
    ghostwhite gold goldenrod gray green greenyellow grey honeydew hotpink indianred indigo ivory \
    khaki lavender lavenderblush lawngreen lemonchiffon lightblue lightcoral lightcyan \
    lightgoldenrodyellow lightgray lightgreen lightgrey lightpink lightsalmon lightseagreen \
    lightskyblue lightslategray lightslategrey lightsteelblue lightyellow lime limegreen linen \
    magenta maroon mediumaquamarine mediumblue mediumorchid mediumpurple mediumseagreen \
    mediumslateblue mediumspringgreen mediumturquoise mediumvioletred midnightblue mintcream \
    mistyrose moccasin navajowhite navy oldlace olive olivedrab orange orangered orchid \
    palegoldenrod palegreen paleturquoise palevioletred papayawhip peachpuff peru pink plum \
    powderblue purple rebeccapurple red rosybrown royalblue saddlebrown salmon sandybrown seagreen \
    seashell sienna silver skyblue slateblue slategray slategrey snow springgreen steelblue tan \
    teal thistle tomato turquoise violet wheat white whitesmoke yellow yellowgreen";

/// Checks that a text is a colour that all pages support: `#d62728`, `#f00`, a CSS name, or
/// `rgb(214, 39, 40)`.
///
/// # Errors
/// [`Error::Input`] with examples of colours.
pub fn check_color(text: &str) -> Result<()> {
    let lower = text.to_ascii_lowercase();
    let is_color = match (lower.strip_prefix('#'), lower.strip_prefix("rgb(")) {
        (Some(digits), _) => {
            matches!(digits.len(), 3 | 6) && digits.bytes().all(|b| b.is_ascii_hexdigit())
        }
        (None, Some(rest)) => rest.strip_suffix(')').is_some_and(|parts| {
            let parts: Vec<_> = parts.split(',').map(|part| part.trim().parse::<u8>()).collect();
            parts.len() == 3 && parts.iter().all(Result::is_ok)
        }),
        _ => NAMES.split_whitespace().any(|name| name == lower),
    };
    if is_color {
        return Ok(());
    }
    Err(Error::Input(format!("'{text}' is not a colour; write it like #d62728, #f00 or steelblue")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn css_colors_are_accepted() {
        for text in ["#f00", "#D62728", "red", "SteelBlue", "rebeccapurple", "rgb(1, 22,255)"] {
            assert!(check_color(text).is_ok(), "{text}");
        }
        for text in ["", "#", "#ff", "#ggg", "#12345", "redd", "rgb(1,2)", "rgb(1,2,256)", "none"] {
            let error = check_color(text).unwrap_err().to_string();
            assert!(error.contains("#d62728"), "{text}: {error}");
        }
        assert_eq!(NAMES.split_whitespace().count(), 148);
    }
}
