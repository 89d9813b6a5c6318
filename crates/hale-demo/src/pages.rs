//! The pages, as text: no script, one style, everything from outside escaped.

use std::fmt::Write as _;

use crate::Role;
use crate::market::{Facts, Policy, Product, Quote, euros};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2430;--dim:#5a6675;--line:#d9dfe7;--paper:#f6f8fb;--card:#fff;--mark:#0b6e6e;--bad:#b3261e}\
@media(prefers-color-scheme:dark){:root{--ink:#e8edf4;--dim:#a3afbf;--line:#2c3645;--paper:#11161d;--card:#1a212b;--mark:#5cc8c8;--bad:#ff8a80}}\
*{box-sizing:border-box}body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}\
header,main{max-width:60rem;margin:auto;padding:1rem 1.25rem}header{display:flex;gap:1.25rem;align-items:baseline;flex-wrap:wrap}\
header b{font-size:1.25rem;margin-right:auto}a{color:var(--mark)}h1{font-size:1.6rem;margin:.5rem 0 1rem}\
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(16rem,1fr));gap:1rem}\
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1rem 1.25rem}\
.card h2{margin:.2rem 0;font-size:1.1rem}.dim{color:var(--dim)}.bad{color:var(--bad)}\
label{display:block;margin:.75rem 0 .25rem}input{font:inherit;padding:.5rem .6rem;border:1px solid var(--line);border-radius:8px;\
background:var(--paper);color:var(--ink);width:100%;max-width:20rem}\
button,.button{font:inherit;display:inline-block;margin-top:1rem;padding:.55rem 1.1rem;border:0;border-radius:8px;background:var(--mark);\
color:var(--card);text-decoration:none;cursor:pointer}.price{font-size:1.8rem;font-weight:600}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.4rem .6rem;border-bottom:1px solid var(--line)}";

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
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

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title} · Lighthouse Insurance</title><style>{STYLE}</style></head><body>\
         <header><b>Lighthouse Insurance</b><a href=\"/\">Products</a><a href=\"/policies\">Policies</a>\
         <a href=\"/status\">Status</a></header><main><h1>{title}</h1>{body}</main></body></html>",
        title = escaped(title)
    )
}

/// What can be bought.
pub fn home(products: &[Product]) -> String {
    let mut cards = String::from("<div class=\"grid\">");
    for product in products {
        // Writing to a string cannot fail.
        let _ = write!(
            cards,
            "<section class=\"card\"><h2>{}</h2><p class=\"dim\">{}</p><p>cover {} to {} €</p>\
             <a class=\"button\" href=\"/quote/{}\">Get a price</a></section>",
            escaped(&product.name),
            escaped(&product.about),
            product.cover_min_eur,
            product.cover_max_eur,
            escaped(&product.id)
        );
    }
    page("What shall be safe?", &(cards + "</div>"))
}

/// The form for a price, and the price.
pub fn ask(product: &Product, quote: Option<&Quote>) -> String {
    let (age, cover) = quote.map_or((35, product.cover_min_eur), |q| (q.age, q.cover_eur));
    let mut body = format!(
        "<div class=\"card\"><p class=\"dim\">{about}</p><form method=\"get\">\
         <label for=\"age\">Age</label><input id=\"age\" name=\"age\" type=\"number\" min=\"18\" max=\"110\" value=\"{age}\" required>\
         <label for=\"cover\">Cover, in euros</label><input id=\"cover\" name=\"cover_eur\" type=\"number\" min=\"{min}\" max=\"{max}\" value=\"{cover}\" required>\
         <br><button>Get a price</button></form></div>",
        about = escaped(&product.about),
        min = product.cover_min_eur,
        max = product.cover_max_eur,
    );
    if let Some(quote) = quote {
        let _ = write!(
            body,
            "<div class=\"card\" style=\"margin-top:1rem\"><p class=\"price\">{} <span class=\"dim\">a month</span></p>\
             <form method=\"post\" action=\"/buy\"><input type=\"hidden\" name=\"quote\" value=\"{}\">\
             <label for=\"holder\">Name</label><input id=\"holder\" name=\"holder\" maxlength=\"80\" required>\
             <br><button>Buy</button></form></div>",
            euros(quote.monthly_cents),
            escaped(&quote.id)
        );
    }
    page(&product.name, &body)
}

/// What was bought.
pub fn policies(policies: &[Policy]) -> String {
    if policies.is_empty() {
        return page("Policies", "<p class=\"dim\">Nobody has bought anything yet.</p>");
    }
    let mut rows = String::from(
        "<table><tr><th>Number</th><th>Name</th><th>Product</th><th>Cover</th><th>Monthly</th></tr>",
    );
    for policy in policies {
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{} €</td><td>{}</td></tr>",
            policy.number,
            escaped(&policy.holder),
            escaped(&policy.product),
            policy.cover_eur,
            euros(policy.monthly_cents)
        );
    }
    page("Policies", &(rows + "</table>"))
}

/// How the services are.
pub fn status(services: &[(Role, Option<Facts>)]) -> String {
    let mut cards = String::from("<div class=\"grid\">");
    for (role, facts) in services {
        let _ = write!(cards, "<section class=\"card\"><h2>{}</h2>", role.as_str());
        match facts {
            None => cards.push_str("<p class=\"bad\">does not answer</p>"),
            Some(facts) => {
                let word =
                    if facts.healthy { "<p>well</p>" } else { "<p class=\"bad\">in trouble</p>" };
                cards.push_str(word);
                for reason in &facts.reasons {
                    let _ = write!(cards, "<p class=\"dim\">{}</p>", escaped(reason));
                }
                let _ = write!(
                    cards,
                    "<p class=\"dim\">pid {} · {} MiB · {:.0} % of a core</p>",
                    facts.pid,
                    facts.memory_bytes / (1024 * 1024),
                    facts.cpu_percent
                );
            }
        }
        cards.push_str("</section>");
    }
    page("Status", &(cards + "</div>"))
}

/// What could not be done.
pub fn sorry(status: u16, why: &str) -> String {
    page(
        "That did not work",
        &format!(
            "<div class=\"card\"><p class=\"bad\">{}</p><p class=\"dim\">status {status}</p></div>",
            escaped(why)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_customers_write_is_text() {
        let html = policies(&[Policy {
            number: 1,
            holder: "<script>alert('x')</script>".to_owned(),
            product: "pet".to_owned(),
            cover_eur: 500,
            monthly_cents: 1234,
        }]);
        assert!(!html.contains("<script"));
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)"));
        assert!(html.contains("12.34 €"));
    }
}
