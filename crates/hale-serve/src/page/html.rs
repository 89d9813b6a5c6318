//! Text into HTML, escaped.

use hale_model::Timestamp;
use hale_model::text;

/// Text as HTML text or inside a quoted attribute; control characters become visible.
pub(super) fn esc(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text::printable(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// `3m 4s ago`
pub(super) fn ago(then: Timestamp, now: Timestamp) -> String {
    let secs = u64::try_from(now.as_second() - then.as_second()).unwrap_or(0);
    if secs < 2 { "just now".to_owned() } else { format!("{} ago", text::duration(secs)) }
}

/// A moment on this machine's clock, with the exact one as a tooltip.
pub(super) fn moment(then: Timestamp, now: Timestamp) -> String {
    let local = then.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z");
    format!("<time datetime=\"{then}\" title=\"{local}\">{}</time>", ago(then, now))
}

/// A bar with its figure; `level` is a CSS class.
pub(super) fn gauge(label: &str, percent: Option<f64>, detail: &str, level: &str) -> String {
    let (width, figure) = match percent {
        Some(percent) => (percent.clamp(0.0, 100.0), format!("{percent:.0}<small>%</small>")),
        None => (0.0, "<small>not measured</small>".to_owned()),
    };
    format!(
        "<div class=\"gauge {level}\"><div class=\"row\"><span>{}</span><b>{figure}</b></div>\
         <svg viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"track\" width=\"100\" height=\"4\" rx=\"2\"/>\
         <rect class=\"fill\" width=\"{width:.1}\" height=\"4\" rx=\"2\"/></svg>\
         <small>{}</small></div>",
        esc(label),
        esc(detail)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_observed_becomes_markup() {
        assert_eq!(
            esc("<script>alert('x')</script>&\"\x1b[2J"),
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;\u{fffd}[2J"
        );
    }
}
