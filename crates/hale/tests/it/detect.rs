//! `hale detect anomalies`, as a script uses it.

use std::fs::File;

use crate::bed::{Bed, Ended};

fn detect(bed: &Bed, input: &str, arguments: &[&str]) -> Ended {
    let path = bed.path("input.csv");
    std::fs::write(&path, input).unwrap();
    let mut command = bed.command(&[&["detect", "anomalies"], arguments].concat());
    // A filter needs neither a home nor a configuration.
    command.env_remove("HOME").stdin(File::open(path).unwrap());
    bed.finish(command)
}

fn table(rows: usize) -> String {
    let mut text = String::from("timestamp,value\n");
    for row in 0..rows {
        let value = if row == 700 { 900.0 } else { 20.0 + (row * 13 % 29) as f64 };
        text.push_str(&format!("2024-05-01T{:02}:{:02}:00Z,{value:.3}\n", row / 60, row % 60));
    }
    text
}

#[test]
fn rows_pass_unchanged_and_scores_know_no_later_row() {
    let bed = Bed::new();
    let (input, ended) = (table(1000), detect(&bed, &table(1000), &[]));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let fields: Vec<(&str, &str)> =
        ended.stdout.lines().map(|line| line.rsplit_once(',').unwrap()).collect();
    assert!(fields.iter().map(|f| f.0).eq(input.lines()));
    assert_eq!(fields[0].1, "anomaly_score");
    let alerts: Vec<usize> =
        (1..fields.len()).filter(|&row| fields[row].1.parse::<f64>().unwrap() >= 0.5).collect();
    assert_eq!(alerts, [701]);

    let part = detect(&bed, &table(600), &[]);
    assert!(ended.stdout.starts_with(&part.stdout));
}

#[test]
fn a_row_without_a_number_passes_with_score_0_and_exit_5() {
    let input = "timestamp,value\na,1\nb,\nc,2\n";
    let ended = detect(&Bed::new(), input, &[]);
    assert_eq!(ended.code, 5);
    assert_eq!(
        ended.stdout,
        "timestamp,value,anomaly_score\na,1,0.000000\nb,,0.000000\nc,2,0.000000\n"
    );
    assert_eq!(
        ended.stderr,
        "line 3: `` is not a finite number: its score is 0\n\
         1 of 3 rows have no value: score 0, nothing learned from them\n"
    );
}

#[test]
fn alerts_alone_and_what_is_no_table() {
    let bed = Bed::new();
    let ended = detect(&bed, &table(1000), &["--alerts"]);
    assert!(
        ended.stdout.starts_with("timestamp,value,anomaly_score\n2024-05-01T11:40:00Z,900.000,0.")
    );
    assert_eq!(ended.stdout.lines().count(), 2);
    let ended = detect(&bed, "", &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
    assert!(ended.stderr.contains("standard input is empty"), "{}", ended.stderr);
    assert!(ended.stderr.contains("timestamp,value"), "{}", ended.stderr);
}
