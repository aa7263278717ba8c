//! Labels in a table: a line for each class, its number and its name in columns, in either order, with or without a head
//! line.

use super::order_of;

/// Columns of a head line that hold the name of a class, best first.
const NAMES: [&str; 11] = [
    "label",
    "labels",
    "class_name",
    "classname",
    "label_name",
    "display_name",
    "name",
    "names",
    "class",
    "category",
    "title",
];
/// Most columns of a table.
const COLUMNS_MAX: usize = 32;

/// The signs between columns, and the form's name.
pub(super) const COMMAS: (char, &str) = (',', "csv");
pub(super) const OTHERS: [(char, &str); 5] =
    [(';', "csv with semicolons"), ('\t', "table"), ('|', "table"), (':', "label:index"), ('=', "label=index")];

/// The labels of a table, and whether it has a head line. `None` where the lines are no table: where they differ in their
/// columns, have no name, or their numbers do not run from 0 or from 1.
pub(super) fn read(lines: &[&str], separator: char) -> Option<(Vec<String>, bool)> {
    let columns = fields(lines.first()?, separator).len();
    if !(2..=COLUMNS_MAX).contains(&columns) {
        return None;
    }
    let row = |line: &&str| Some(fields(line, separator)).filter(|row| row.len() == columns);
    let rows = lines.iter().map(row).collect::<Option<Vec<_>>>()?;
    let with_head = |head_lines: usize| {
        let (head, body) = rows.split_at_checked(head_lines)?;
        let is_head = head.iter().flatten().all(|field| field.parse::<u64>().is_err());
        if body.is_empty() || !is_head { None } else { labels(head.first(), body, columns) }
    };
    with_head(0).map(|names| (names, false)).or_else(|| with_head(1).map(|names| (names, true)))
}

fn labels(head: Option<&Vec<String>>, body: &[Vec<String>], columns: usize) -> Option<Vec<String>> {
    let order = (0..columns).find_map(|column| Some((column, order(body, column)?)));
    let title = head
        .and_then(|head| NAMES.iter().find_map(|name| head.iter().position(|field| field.eq_ignore_ascii_case(name))));
    let (name_column, order) = match (order, title) {
        (Some((number, order)), Some(name)) if name != number => (name, order),
        (Some((number, order)), _) if columns == 2 => (1 - number, order),
        // Number, WordNet number, name.
        (Some((0, order)), None) if columns == 3 && body.iter().all(|row| is_synset(&row[1])) => (2, order),
        (None, Some(name)) => (name, (0..body.len()).collect()),
        _ => return None,
    };
    let names = order.into_iter().map(|row| Some(body[row][name_column].clone()).filter(|name| !name.is_empty()));
    names.collect()
}

/// The rows in the order of the numbers in a column.
fn order(body: &[Vec<String>], column: usize) -> Option<Vec<usize>> {
    order_of(&body.iter().map(|row| row[column].parse().ok()).collect::<Option<Vec<usize>>>()?)
}

/// Whether a word is a WordNet number, `n01440764`.
pub(super) fn is_synset(word: &str) -> bool {
    word.strip_prefix('n').is_some_and(|digits| digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The fields of a line; a quoted field may hold separators and doubled quotes.
fn fields(line: &str, separator: char) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                push(&mut fields, '"');
            }
            '"' => quoted = !quoted,
            sign if sign == separator && !quoted => fields.push(String::new()),
            other => push(&mut fields, other),
        }
    }
    fields.into_iter().map(|field| field.trim().trim_matches('\'').to_owned()).collect()
}

fn push(fields: &mut [String], char: char) {
    if let Some(last) = fields.last_mut() {
        last.push(char);
    }
}
