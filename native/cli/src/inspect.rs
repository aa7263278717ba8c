//! `inspect`: what is known of a graph, as a table for people or as JSON.

use std::{
    ffi::{OsStr, OsString},
    fmt::Write,
    fs,
    io::stdin,
};

use menagerie_contract::{ErrorCode, Evidence, InputSpec, ModelSpec, Problem, Resize};
use menagerie_graph::{GraphLimits, inspect_files};
use serde_json::Value;

/// Alternatives with a lower score are left out of the table.
const SCORE_SHOWN_MIN: f32 = 0.001;

/// Explains a graph. `arguments` are `GRAPH [LABELS] [--json]`, or `GRAPH --spec [--json]` where the spec, as `--json` prints
/// it, comes on stdin in place of what the files say.
///
/// # Errors
/// `field_invalid` for wrong arguments or a file that cannot be read, and every problem of the graph and the labels.
pub fn inspect(arguments: &[OsString]) -> Result<(), Problem> {
    let (flags, files): (Vec<&OsString>, Vec<&OsString>) =
        arguments.iter().partition(|argument| argument.as_encoded_bytes().starts_with(b"--"));
    let (graph, label_file) = match files.as_slice() {
        [graph] => (graph, None),
        [graph, labels] => (graph, Some(labels)),
        _ => return Err(invalid("inspect takes GRAPH [LABELS] [--json]".into())),
    };
    if let Some(unknown) = flags.iter().find(|flag| **flag != "--json" && **flag != "--spec") {
        return Err(invalid(format!("inspect knows --json and --spec, not {}", unknown.to_string_lossy())));
    }
    let has = |name: &str| flags.iter().any(|flag| **flag == name);
    let spec = if has("--spec") {
        serde_json::from_reader(stdin().lock()).map_err(|error| invalid(format!("the spec cannot be read: {error}")))?
    } else {
        let labels = label_file.map(|file| read(file)).transpose()?;
        inspect_files(&read(graph)?, labels.as_deref(), &GraphLimits::default())?
    };
    if has("--json") {
        let json = serde_json::to_string_pretty(&spec)
            .map_err(|error| Problem::new(ErrorCode::Internal, format!("the spec cannot be written: {error}")))?;
        println!("{json}");
    } else {
        print!("{}", table(&graph.to_string_lossy(), &spec));
    }
    Ok(())
}

fn read(path: &OsStr) -> Result<Vec<u8>, Problem> {
    fs::read(path).map_err(|error| invalid(format!("{} cannot be read: {error}", path.to_string_lossy())))
}

fn invalid(message: String) -> Problem {
    Problem::new(ErrorCode::FieldInvalid, message)
}

/// The spec as lines for people.
fn table(name: &str, spec: &ModelSpec) -> String {
    let (input, output, graph) = (&spec.input, &spec.output, &spec.graph);
    let mut lines = Lines::default();
    lines.row("graph", format!("{name}, {} bytes, {} nodes", graph.bytes, graph.nodes));
    lines.row("sha256", &graph.sha256);
    lines.row("verdict", verdict(spec));
    lines.row(
        "input",
        format!(
            "{}: {} {}, {} x {} x {} {}, {}",
            input.tensor,
            word(&input.dtype),
            word(&input.layout),
            input.width,
            input.height,
            input.channels,
            word(&input.channel_order),
            input.batch.map_or_else(|| "any batch".into(), |batch| format!("batch fixed at {batch}")),
        ),
    );
    lines.row("tensor", format!("(pixel - {:?}) / {:?} on 0-255 pixels", input.mean, input.std));
    lines.row("resize", resize(input));
    lines.row("output", format!("{}: {} classes, {}", output.tensor, output.classes, word(&output.kind)));
    if !output.heads.is_empty() {
        lines.row("other heads", output.heads.join(", "));
    }
    if let Some(labels) = &spec.labels {
        lines.row("labels", format!("{} labels, offset {}, form {}", labels.count, labels.offset, labels.format));
    }
    lines.row(
        "cost",
        format!(
            "{} multiply-adds and about {} bytes of memory an image, {} parameters",
            scaled(graph.multiply_adds),
            scaled(graph.memory_bytes_estimate),
            scaled(graph.parameters),
        ),
    );
    let ops: Vec<String> = graph.ops.iter().map(|(op, count)| format!("{op} {count}")).collect();
    lines.row("ops", ops.join(", "));
    for warning in &spec.warnings {
        lines.row("warning", warning);
    }
    lines.heading("evidence");
    for evidence in &spec.evidence {
        lines.evidence(evidence);
    }
    lines.text
}

fn resize(input: &InputSpec) -> String {
    let cut = match input.resize {
        Resize::CenterCrop if input.crop_fraction < 1.0 => format!(" of {} of each side", input.crop_fraction),
        _ => String::new(),
    };
    format!("{}{cut}, filter {}", word(&input.resize), word(&input.resize_filter))
}

fn verdict(spec: &ModelSpec) -> String {
    if spec.verdict.allowed {
        return "served: every op is on the allow-list".into();
    }
    let ops: Vec<String> =
        spec.verdict.forbidden.iter().map(|op| format!("{} at {} ({})", op.op, op.node, op.reason)).collect();
    format!("refused: {}", ops.join("; "))
}

#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn row(&mut self, name: &str, value: impl AsRef<str>) {
        // Writing into a String cannot fail.
        let _: std::fmt::Result = writeln!(self.text, "{name:<12} {}", printable(value.as_ref()));
    }

    fn heading(&mut self, name: &str) {
        self.text.push('\n');
        self.text.push_str(name);
        self.text.push('\n');
    }

    fn evidence(&mut self, evidence: &Evidence) {
        let sure = format!("{} {:.2}", word(&evidence.source), evidence.confidence);
        self.row(&format!("  {:<20} {:<28} {sure:<14}", evidence.field, shown(&evidence.value)), &evidence.because);
        for other in evidence.alternatives.iter().filter(|other| other.score >= SCORE_SHOWN_MIN) {
            let score = format!("score {}", two_digits(other.score));
            self.row(&format!("  {:<20} {:<28}", "  not", shown(&other.value)), score);
        }
    }
}

/// Names come from strangers' graphs: nothing in them may steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// A value of the contract as it is written in JSON, without quotes.
fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// JSON, but for numbers: those of a spec are `f32`, whose digits end where an `f64`'s go on.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("[{}]", values.iter().map(shown).collect::<Vec<_>>().join(",")),
        Value::Number(number) if number.is_f64() => format!("{:?}", number.as_f64().unwrap_or_default() as f32),
        other => other.to_string(),
    }
}

/// A score with its first two digits.
fn two_digits(score: f32) -> String {
    match score {
        0.1.. => format!("{score:.2}"),
        0.01.. => format!("{score:.3}"),
        _ => format!("{score:.4}"),
    }
}

/// A number with three digits and its unit prefix.
fn scaled(number: u64) -> String {
    let number = number as f64;
    for (limit, prefix) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if number >= limit {
            return format!("{:.3} {prefix}", number / limit);
        }
    }
    number.to_string()
}

#[cfg(test)]
mod tests {
    use menagerie_contract::{Source, spec::Alternative};

    use super::*;

    #[test]
    fn control_characters_of_a_name_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
    }

    #[test]
    fn scores_have_two_digits_and_none_below_a_thousandth_is_shown() {
        let other = |score| Alternative { value: [score, 1.0].into(), score };
        let evidence = Evidence {
            field: "input.mean".into(),
            value: [123.675_f32, 0.0].into(),
            source: Source::Measured,
            because: "of it".into(),
            confidence: 0.97,
            alternatives: [0.644_999_9, 0.012_345_6, 0.001_234_56, 0.000_999, 1e-30].map(other).to_vec(),
        };
        let mut lines = Lines::default();
        lines.evidence(&evidence);
        let cells: Vec<Vec<&str>> = lines.text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(cells[0], ["input.mean", "[123.675,0.0]", "measured", "0.97", "of", "it"]);
        let scores: Vec<&str> = cells[1..].iter().map(|row| row[row.len() - 1]).collect();
        assert_eq!(scores, ["0.64", "0.012", "0.0012"]);
    }

    #[test]
    fn numbers_are_scaled() {
        assert_eq!(scaled(41_000_000), "41.000 M");
        assert_eq!(scaled(999), "999");
    }
}
