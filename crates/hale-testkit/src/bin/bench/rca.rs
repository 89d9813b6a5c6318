//! The ranking of causes on labelled faults of real systems (`HALE_BENCH_DIR`/rca): `hale-brain`'s own example
//! measures it, with the same code that the agent uses.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::Figure;

const WHAT: &str = "root cause";
/// What counting standard deviations alone reaches on the same cases.
const LIMIT_AVG5: f64 = 0.466;

/// The figures of the example that lies in `examples/` beside this program.
pub fn rca(own: &Path) -> Result<Vec<Figure>> {
    let program = own.with_file_name("examples").join("rca");
    if !program.is_file() {
        let how = "build it: cargo build --release -p hale-brain --example rca";
        return Ok(vec![Figure::skipped(WHAT, how)]);
    }
    let output =
        Command::new(&program).output().with_context(|| format!("run {}", program.display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    if let Some(why) = text.strip_prefix("SKIPPED rca: ") {
        return Ok(vec![Figure::skipped(WHAT, why.trim())]);
    }
    let figures: Vec<Figure> = text.lines().filter_map(figure).collect();
    ensure!(!figures.is_empty(), "{} printed no figures", program.display());
    Ok(figures)
}

/// `all  70  0.643  0.771  0.814  0.749   nsigma 0.466, …`
fn figure(line: &str) -> Option<Figure> {
    let mut words = line.split_whitespace();
    let group = words.next()?;
    let mut number = || words.next()?.parse::<f64>().ok();
    let cases = number()?;
    let [first, third, fifth, average] = [number()?, number()?, number()?, number()?];
    let (anchor, beside) = (words.next()?, words.next()?.trim_end_matches(','));
    let is_all = group == "all";
    Some(Figure {
        what: format!("root cause, {group}, {cases} cases: Avg@5 ({anchor} {beside})"),
        figure: format!("{average:.3}; AC@1 {first:.3}, AC@3 {third:.3}, AC@5 {fifth:.3}"),
        budget: if is_all { format!("≥ {LIMIT_AVG5}") } else { String::new() },
        met: is_all.then_some(average >= LIMIT_AVG5),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_line_of_the_table_is_a_figure() {
        let line = "all    70   0.643  0.771  0.814  0.749   nsigma 0.466, robust 0.349";
        let told = figure(line).unwrap();
        assert_eq!(told.what, "root cause, all, 70 cases: Avg@5 (nsigma 0.466)");
        assert_eq!(told.figure, "0.749; AC@1 0.643, AC@3 0.771, AC@5 0.814");
        assert_eq!(told.met, Some(true));
        assert!(figure("group cases AC@1 AC@3 AC@5 Avg@5 anchors: Avg@5").is_none());
        assert!(figure("ranking took 46ms a case").is_none());
    }
}
