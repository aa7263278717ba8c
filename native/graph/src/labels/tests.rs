//! The forms of label files, what is none, and how labels fit a graph.

use super::*;

fn names(text: &str) -> (Vec<String>, String) {
    let labels = read(text.as_bytes()).unwrap();
    (labels.names, labels.format)
}

#[test]
fn every_form_reads_as_the_same_labels() {
    for (text, format) in [
        ("cat\ndog\n", "plain"),
        ("cat\r\ndog\r\n\r\n", "plain"),
        ("cat\rdog", "plain"),
        ("\u{feff}cat\ndog", "plain"),
        ("0:cat\n1:dog", "index:label"),
        ("0: cat\n1: dog\n", "index:label"),
        ("0 cat\n1 dog", "index label"),
        ("0\tcat\n1\tdog", "index label"),
        ("0,cat\n1,dog", "csv"),
        ("index,label\n0,cat\n1,\"dog\"\n", "csv"),
        ("cat,0\ndog,1\n", "csv"),
        ("n02121808 cat\nn02084071 dog\n", "synset"),
        ("[\"cat\", \"dog\"]", "json-array"),
        ("{\"0\": \"cat\", \"1\": \"dog\"}", "json-object"),
        ("{\"1\": \"dog\", \"0\": \"cat\"}", "json-object"),
        ("{\"0\": [\"n02121808\", \"cat\"], \"1\": [\"n02084071\", \"dog\"]}", "json-object"),
        ("{\"dog\": 1, \"cat\": 0}", "json-object"),
        ("{\"labels\": [\"cat\", \"dog\"]}", "json-array"),
        ("{0: 'cat',\n 1: \"dog\"}", "python-dict"),
        // Quotes and commas.
        ("\"cat\"\n\"dog\"\n", "quoted"),
        ("'cat',\n'dog',\n", "quoted"),
        ("'cat', \"dog\"", "quoted"),
        ("\"cat\",\r\n\"dog\"", "quoted"),
        ("cat,\ndog,\n", "plain"),
        ("cat,\ndog", "plain"),
        ("- cat\n- dog", "plain"),
        ("- 'cat'\n- 'dog'", "plain"),
        ("0: 'cat'\n1: 'dog'", "index:label"),
        ("0: \"cat\",\n1: \"dog\",", "index:label"),
        ("1. cat\n2. dog", "index:label"),
        ("1: cat\n2: dog", "index:label"),
        // Tables.
        ("index;label\n0;cat\n1;dog\n", "csv with semicolons"),
        ("label;index\ndog;1\ncat;0\n", "csv with semicolons"),
        ("id\tname\n1\tcat\n2\tdog\n", "table"),
        ("class_id|class_name\n0|cat\n1|dog\n", "table"),
        ("\"index\",\"label\"\n\"0\",\"cat\"\n\"1\",\"dog\"\n", "csv"),
        (",label\n0,cat\n1,dog\n", "csv"),
        ("1,cat\n2,dog\n", "csv"),
        ("1,dog\n0,cat\n", "csv"),
        ("0,n02121808,cat\n1,n02084071,dog\n", "csv"),
        ("id;name;count\n0;cat;17\n1;dog;4\n", "csv with semicolons"),
        ("synset,label\nn02121808,cat\nn02084071,dog\n", "csv"),
        ("sep=;\nindex;label\n0;cat\n1;dog\n", "csv with semicolons"),
        ("0 -> cat\n1 -> dog\n", "index:label"),
        ("0 => cat\n1 => dog\n", "index:label"),
        ("cat: 0\ndog: 1\n", "label:index"),
        ("cat=0\ndog=1\n", "label=index"),
        // Printed, or written in a program.
        ("['cat', 'dog']", "python-list"),
        ("['cat' 'dog']", "python-list"),
        ("['cat'\n 'dog']\n", "python-list"),
        ("[u'cat', u'dog']", "python-list"),
        ("[b'cat', b'dog']", "python-list"),
        ("['cat',\n 'dog',\n]", "python-list"),
        ("[\"cat\", \"dog\",]", "python-list"),
        ("('cat', 'dog')", "python-list"),
        ("array(['cat', 'dog'], dtype='<U10')", "python-list"),
        ("dict_keys(['cat', 'dog'])", "python-list"),
        ("[np.str_('cat'), np.str_('dog')]", "python-list"),
        ("[(0, 'cat'), (1, 'dog')]", "python-list"),
        ("OrderedDict([('dog', 1), ('cat', 0)])", "python-list"),
        ("class_names = ['cat', 'dog']", "python-list"),
        ("const labels = [\"cat\", \"dog\"];", "python-list"),
        ("names: ['cat', 'dog']", "python-list"),
        ("{'cat': 0, 'dog': 1}", "python-dict"),
        ("{1: 'dog', 0: 'cat'}", "python-dict"),
        ("{0: 'cat', 1: 'dog',}", "python-dict"),
        ("{'labels': ['cat', 'dog']}", "python-list"),
        ("{\"name\": \"cat\"}\n{\"name\": \"dog\"}", "json-lines"),
        ("{1: 'cat', 2: 'dog'}", "python-dict"),
        ("{\"1\": \"cat\", \"2\": \"dog\"}", "json-object"),
        ("{'dog': np.int64(1), 'cat': np.int64(0)}", "python-dict"),
        ("array(['cat', 'dog'], dtype=object)\n", "python-list"),
        ("# pets\nlabels = {\n    0: 'cat',  # first\n    1: 'dog',\n}\n", "python-dict"),
        ("// pets\n[\"cat\", // first\n \"dog\"]", "python-list"),
        ("Index(['cat', 'dog'], dtype='object', name=x)", "python-list"),
        ("(0, 'cat')\n(1, 'dog')\n", "python-list"),
        // Numbers of the entries' own.
        ("[{\"id\": 1, \"name\": \"dog\"}, {\"id\": 0, \"name\": \"cat\"}]", "json-array"),
        ("{\"categories\": [{\"id\": 2, \"name\": \"dog\"}, {\"id\": 1, \"name\": \"cat\"}]}", "json-array"),
        ("[{\"id\": 1, \"name\": \"cat\"}, {\"id\": 7, \"name\": \"dog\"}]", "json-array"),
        ("{\"id2label\": {\"1\": \"dog\", \"0\": \"cat\"}, \"label2id\": {\"cat\": 0, \"dog\": 1}}", "json-object"),
        // Label maps.
        ("item {\n  id: 1\n  name: 'cat'\n}\nitem {\n  id: 2\n  name: 'dog'\n}\n", "label map"),
        ("item { name: \"dog\" id: 2 } item { name: \"cat\", id: 1 }", "label map"),
        (
            "# pets\nitem: {\n id: 0 # first\n name: \"/m/01\"\n display_name: \"cat\"\n}\nitem{id:1\nname:'dog'}",
            "label map",
        ),
        // The end of a DOS file.
        ("cat\r\ndog\r\n\u{1a}", "plain"),
        ("cat\r\ndog\u{1a}\u{1a}\0\0", "plain"),
        ("['cat', 'dog']\u{1a}", "python-list"),
    ] {
        assert_eq!(names(text), (vec!["cat".to_owned(), "dog".to_owned()], format.to_owned()), "{text:?}");
    }
}

#[test]
fn a_number_that_is_not_the_lines_index_stays() {
    assert_eq!(names("61326 scratch\n61326 dent").0, ["61326 scratch", "61326 dent"]);
    assert_eq!(names("1 one\n2 two").0, ["1 one", "2 two"]);
    assert_eq!(names("0 zero\n1 one\nthree").0, ["0 zero", "1 one", "three"]);
}

#[test]
fn a_number_comes_off_only_where_the_rest_is_all_different() {
    for text in [
        "0 stars\n1 stars\n2 stars\n3 stars\n4 stars\n",
        "0 fingers\n1 finger\n2 fingers\n3 fingers\n4 fingers\n",
        "0: stars\n1: stars",
        "0 - stars\n1 - star\n2 - stars",
        "0\tstars\n1\tstars",
        "0,stars\n1,stars",
        "0;stars\n1;stars",
        "1. floor\n2. floor",
        "n02121808 cat\nn02084071 cat",
    ] {
        assert_eq!(names(text).0, text.lines().collect::<Vec<_>>(), "{text:?}");
    }
    assert_eq!(names("0 stars\n1 moon").0, ["stars", "moon"]);
}

/// Two of ImageNet's thousand classes are cranes, and two are maillots.
#[test]
fn a_few_doubles_among_hundreds_do_not_keep_the_numbers() {
    let label = |index: usize| if index % 500 == 134 { "crane".to_owned() } else { format!("label {index}") };
    let file: Vec<String> = (0..1000).map(|index| format!("{index}:{}", label(index))).collect();
    assert_eq!(names(&file.join("\n")).0, (0..1000).map(label).collect::<Vec<_>>());
}

#[test]
fn quotes_and_signs_inside_a_label_stay() {
    assert_eq!(names("baker's dozen\ndog").0, ["baker's dozen", "dog"]);
    assert_eq!(names("[\"baker's\", 'say \\'hi\\'']").0, ["baker's", "say 'hi'"]);
    assert_eq!(names("'quoted' and more\nplain").0, ["'quoted' and more", "plain"]);
    assert_eq!(names("(none)\n(other)").0, ["(none)", "(other)"]);
    assert_eq!(names("ratio: high\nratio: low").0, ["ratio: high", "ratio: low"]);
    assert_eq!(names("a;b\nc;d").0, ["a;b", "c;d"]);
}

#[test]
fn labels_that_are_numbers_stay() {
    assert_eq!(names("0\n1\n2").0, ["0", "1", "2"]);
}

#[test]
fn commas_inside_a_label_stay() {
    assert_eq!(names("tench, Tinca tinca\ngoldfish, Carassius auratus").0[0], "tench, Tinca tinca");
    assert_eq!(names("0:tench, Tinca tinca\n1:goldfish").0[0], "tench, Tinca tinca");
    assert_eq!(names("0,\"tench, Tinca tinca\"\n1,goldfish").0[0], "tench, Tinca tinca");
}

#[test]
fn utf16_with_a_mark_is_read() {
    let bytes: Vec<u8> = "\u{feff}cat\r\ndog".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(&bytes).unwrap().names, ["cat", "dog"]);
}

#[test]
fn utf16_without_a_mark_and_with_the_end_of_a_dos_file_is_read() {
    for unit in [u16::to_le_bytes, u16::to_be_bytes] {
        let bytes: Vec<u8> = "cat\r\nKätzchen\u{1a}".encode_utf16().flat_map(unit).collect();
        assert_eq!(read(&bytes).unwrap().names, ["cat", "Kätzchen"]);
    }
}

#[test]
fn windows_1252_is_read_and_said() {
    let labels = read(b"caf\xe9\r\n\x93M\xfcll\x94 \x96 \x80 5\r\n").unwrap();
    assert_eq!(
        (labels.names, labels.format.as_str()),
        (vec!["café".into(), "“Müll” – € 5".into()], "plain, Windows-1252")
    );
    // Another alphabet, and a byte that means nothing.
    for bytes in [&b"\xea\xee\xf8\xea\xe0\n\xf1\xee\xe1\xe0\xea\xe0"[..], b"\xc3\xa8\n\xb9\xb7\xc3", b"caf\x9d"] {
        assert!(read(bytes).unwrap_err().to_string().contains("save it as a text file in UTF-8"));
    }
}

#[test]
fn what_cannot_be_read_is_named_with_what_to_do() {
    for (text, reason) in [
        ("['cat', 'dog', ..., 'zebra']", "shortened with `...`"),
        ("item { id: 1 name: 'cat' } item { id: 3 name: 'dog' }", "do not run from 1 to 2; send one label a line"),
        ("item { name: 'cat' }", "has no id or no name"),
        ("<?xml version=\"1.0\"?>\n<labels/>", "XML or YAML; send one label a line"),
        ("---\nnames:\n  0: cat\n", "XML or YAML; send one label a line"),
        ("nc: 2\nnames: ['cat', 'dog']\n", "XML or YAML; send one label a line"),
    ] {
        let error = read(text.as_bytes()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LabelsInvalid);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn what_is_no_list_of_labels_is_invalid() {
    for bytes in [
        &b""[..],
        b"\n\n",
        b"\x89PNG\r\n\x1a\n\0\0",
        b"caf\x81",
        b"cat\n\ndog",
        b"[1, 2]",
        b"[]",
        b"{\"1\": \"cat\", \"3\": \"dog\"}",
        b"{\"0\": \"cat\", \"x\": \"dog\"}",
        b"{\"cat\": 0, \"dog\": 0}",
        b"{\"cat\": 0, \"dog\": 2}",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n",
        b"<!DOCTYPE html><html>",
    ] {
        let error = read(bytes).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LabelsInvalid, "{error}");
    }
}

fn numbered_labels(count: u32) -> Labels {
    Labels { names: numbered(count), format: "plain".into() }
}

#[test]
fn equal_counts_fit() {
    let (spec, names) = numbered_labels(3).align(3, OutputKind::Softmax, None).unwrap();
    assert_eq!((spec.offset, names.len()), (0, 3));
}

#[test]
fn a_thousand_labels_fit_the_classes_behind_the_background() {
    let (spec, names) = numbered_labels(1000).align(1001, OutputKind::Softmax, None).unwrap();
    assert_eq!((spec.offset, names[0].as_str(), names[1].as_str()), (1, "background", "class 0"));
}

#[test]
fn a_background_label_is_left_out_where_the_graph_has_no_such_class() {
    let labels = Labels { names: ["dummy", "cat", "dog"].map(str::to_owned).to_vec(), format: "plain".into() };
    let (spec, names) = labels.align(2, OutputKind::Softmax, None).unwrap();
    assert_eq!((spec.offset, names), (-1, vec!["cat".to_owned(), "dog".to_owned()]));
}

#[test]
fn labels_that_a_file_would_not_give_back_are_not_written() {
    let write = |names: &[&str]| write(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    for names in [&["cat", "dog"][..], &["0 cat", "dog"], &["4 seasons", "7 dwarfs"], &["été", "Übergröße", "猫"]]
    {
        assert_eq!(write(names).unwrap(), names.join("\n") + "\n");
    }
    for names in [
        &["0 cat", "1 dog"][..],
        &["cat,", "dog,"],
        &["- cat", "- dog"],
        &["'cat'", "'dog'"],
        &["cat:0", "dog:1"],
        &["cat ", "dog"],
        &["cat\nowl", "dog"],
        &["cat", "", "dog"],
        &["[cat", "dog]"],
    ] {
        let error = write(names).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LabelsInvalid);
        assert!(error.to_string().starts_with("these labels cannot be written"), "{error}");
    }
    assert!(write(&["0 cat", "1 dog"]).unwrap_err().to_string().contains("\"0 cat\" would be read as \"cat\""));
}

#[test]
fn other_counts_are_a_mismatch_with_both_counts() {
    for (labels, classes) in [(5, 6), (6, 5), (1001, 1000), (2, 3), (1000, 1002)] {
        let error = numbered_labels(labels).align(classes, OutputKind::Softmax, None).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LabelsMismatch);
        let text = error.to_string();
        assert!(text.contains(&labels.to_string()) && text.contains(&classes.to_string()), "{text}");
    }
}

#[test]
fn a_single_sigmoid_or_logit_takes_one_label_or_two() {
    assert_eq!(numbered_labels(1).align(1, OutputKind::Sigmoid, None).unwrap().1.len(), 1);
    assert_eq!(numbered_labels(2).align(1, OutputKind::Sigmoid, None).unwrap().1.len(), 2);
    let error = numbered_labels(3).align(1, OutputKind::Sigmoid, None).unwrap_err();
    assert!(error.to_string().ends_with("give two labels, the second for a high value"), "{error}");
    assert_eq!(numbered_labels(2).align(1, OutputKind::Logits, None).unwrap().1.len(), 2);
    assert!(numbered_labels(2).align(1, OutputKind::Softmax, None).is_err());
}

#[test]
fn an_offset_from_the_caller_must_make_the_counts_fit() {
    let (_, names) = numbered_labels(5).align(6, OutputKind::Softmax, Some(1)).unwrap();
    assert_eq!(names[1], "class 0");
    assert!(numbered_labels(5).align(6, OutputKind::Softmax, Some(0)).is_err());
    assert!(numbered_labels(5).align(5, OutputKind::Softmax, Some(i32::MIN)).is_err());
}

#[test]
fn the_head_of_a_single_column_is_no_label_where_the_graph_has_one_class_less() {
    let labels = read(b"label\ncat\ndog\n").unwrap();
    assert_eq!(labels.align(2, OutputKind::Softmax, None).unwrap().1, ["cat", "dog"]);
    assert_eq!(labels.align(3, OutputKind::Softmax, None).unwrap().1, ["label", "cat", "dog"]);
}
