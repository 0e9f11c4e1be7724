// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A TOML document as one flat array of nodes for C, with the place of every key and value and with all problems of the
// document, not just its first.

use std::ffi::c_char;
use std::ffi::c_int;
use std::ptr;

use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

use crate::borrowed;
use crate::toml_guard;

const KIND_STRING: u32 = 0;
const KIND_INTEGER: u32 = 1;
const KIND_FLOAT: u32 = 2;
const KIND_BOOLEAN: u32 = 3;
const KIND_DATETIME: u32 = 4;
const KIND_ARRAY: u32 = 5;
const KIND_TABLE: u32 = 6;

/// Mirrors `struct deps_toml_node`.
#[repr(C)]
pub struct DepsTomlNode {
    kind: u32,
    parent: u32,
    first_child: u32,
    next: u32,
    child_count: u32,
    key_start: usize,
    key_end: usize,
    start: usize,
    end: usize,
    key: *const c_char,
    key_len: usize,
    text: *const c_char,
    text_len: usize,
    integer: i64,
    number: f64,
    boolean: c_int,
}

/// Mirrors `struct deps_toml_error`.
#[repr(C)]
pub struct DepsTomlError {
    start: usize,
    end: usize,
    message: *const c_char,
    message_len: usize,
}

/// One thing that is wrong, and where: byte offsets into the document.
pub struct Problem {
    pub start: usize,
    pub end: usize,
    pub message: String,
}

/// A piece of `Texts`: offset and length.
#[derive(Clone, Copy)]
struct Piece(usize, usize);

/// All keys and strings of a document in one allocation, each followed by a zero. Pointers are taken when it grows no more.
#[derive(Default)]
struct Texts(Vec<u8>);

impl Texts {
    fn add(&mut self, text: &str) -> Piece {
        let start = self.0.len();
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        Piece(start, text.len())
    }

    fn pointer(&self, piece: Option<Piece>) -> (*const c_char, usize) {
        match piece.and_then(|Piece(start, len)| Some((self.0.get(start..)?, len))) {
            Some((rest, len)) => (rest.as_ptr().cast(), len),
            None => (ptr::null(), 0),
        }
    }
}

pub struct DepsToml {
    nodes: Vec<DepsTomlNode>,
    errors: Vec<DepsTomlError>,
    _texts: Texts,
}

struct Child<'i> {
    key: Option<(Piece, std::ops::Range<usize>)>,
    value: Spanned<DeValue<'i>>,
}

/// A table or array whose children are being added.
struct Open<'i> {
    node: usize,
    last_child: usize,
    children: std::vec::IntoIter<Child<'i>>,
}

#[derive(Default)]
struct Builder {
    nodes: Vec<DepsTomlNode>,
    keys: Vec<Option<Piece>>,
    values: Vec<Option<Piece>>,
    texts: Texts,
    problems: Vec<Problem>,
}

fn range(span: &std::ops::Range<usize>, len: usize) -> (usize, usize) {
    let end = span.end.min(len);
    (span.start.min(end), end)
}

impl Builder {
    fn add_node(&mut self, parent: usize) -> usize {
        self.nodes.push(DepsTomlNode {
            kind: KIND_TABLE,
            parent: parent as u32,
            first_child: 0,
            next: 0,
            child_count: 0,
            key_start: 0,
            key_end: 0,
            start: 0,
            end: 0,
            key: ptr::null(),
            key_len: 0,
            text: ptr::null(),
            text_len: 0,
            integer: 0,
            number: 0.0,
            boolean: 0,
        });
        self.keys.push(None);
        self.values.push(None);
        self.nodes.len() - 1
    }

    /// A value that has the right shape but no meaning; silent where the parser complained about the same place already.
    fn complain(&mut self, span: &std::ops::Range<usize>, message: &str) {
        let told = |p: &Problem| p.start < span.end && span.start < p.end || p.start == span.start;
        if !self.problems.iter().any(told) && self.problems.len() < toml_guard::PROBLEMS_MAX {
            self.problems.push(Problem { start: span.start, end: span.end, message: message.to_owned() });
        }
    }

    fn table_children<'i>(&mut self, table: DeTable<'i>) -> Vec<Child<'i>> {
        let mut children: Vec<Child<'i>> = Vec::new();
        for (key, value) in table {
            let span = key.span();
            let piece = self.texts.add(key.get_ref());
            children.push(Child { key: Some((piece, span)), value });
        }
        children.sort_by_key(|child| child.key.as_ref().map_or(0, |(_, span)| span.start));
        children
    }

    /// Fills node `index` from a value; a table or array gives its children back to be added next.
    fn fill<'i>(&mut self, index: usize, value: DeValue<'i>, span: &std::ops::Range<usize>) -> Option<Vec<Child<'i>>> {
        let (mut kind, mut text, mut integer, mut number, mut boolean) = (KIND_TABLE, None, 0, 0.0, 0);
        let mut children = None;
        match value {
            DeValue::String(string) => (kind, text) = (KIND_STRING, Some(self.texts.add(&string))),
            DeValue::Datetime(moment) => (kind, text) = (KIND_DATETIME, Some(self.texts.add(&moment.to_string()))),
            DeValue::Boolean(truth) => (kind, boolean) = (KIND_BOOLEAN, c_int::from(truth)),
            DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
                Ok(whole) => (kind, integer) = (KIND_INTEGER, whole),
                Err(_) => {
                    kind = KIND_INTEGER;
                    self.complain(span, "integer does not fit into 64 bits");
                }
            },
            DeValue::Float(digits) => {
                kind = KIND_FLOAT;
                number = digits.as_str().parse::<f64>().unwrap_or(f64::NAN);
                if number.is_infinite() && !digits.as_str().contains("inf") {
                    self.complain(span, "number is too large for a 64-bit float");
                }
            }
            DeValue::Array(array) => {
                kind = KIND_ARRAY;
                children = Some(array.into_iter().map(|value| Child { key: None, value }).collect());
            }
            DeValue::Table(table) => children = Some(self.table_children(table)),
        }
        if let Some(node) = self.nodes.get_mut(index) {
            (node.kind, node.integer, node.number, node.boolean) = (kind, integer, number, boolean);
        }
        if let Some(slot) = self.values.get_mut(index) {
            *slot = text;
        }
        children
    }

    fn link(&mut self, open: &mut Open<'_>, index: usize) {
        if let Some(parent) = self.nodes.get_mut(open.node) {
            parent.child_count += 1;
            if parent.first_child == 0 {
                parent.first_child = index as u32;
            }
        }
        if open.last_child != 0 {
            if let Some(sibling) = self.nodes.get_mut(open.last_child) {
                sibling.next = index as u32;
            }
        }
        open.last_child = index;
    }

    /// Parents before their children, siblings in the order of their place; a loop, so that depth costs no stack.
    fn add_tree(&mut self, root: DeTable<'_>, len: usize) {
        let index = self.add_node(0);
        if let Some(node) = self.nodes.get_mut(index) {
            node.end = len;
        }
        let children = self.table_children(root).into_iter();
        let mut path = vec![Open { node: index, last_child: 0, children }];
        while let Some(open) = path.last_mut() {
            let Some(child) = open.children.next() else {
                path.pop();
                continue;
            };
            let index = self.add_node(open.node);
            self.link(open, index);
            let span = child.value.span();
            if let Some(node) = self.nodes.get_mut(index) {
                (node.start, node.end) = range(&span, len);
                if let Some((_, place)) = &child.key {
                    (node.key_start, node.key_end) = range(place, len);
                }
            }
            if let (Some(slot), Some((piece, _))) = (self.keys.get_mut(index), &child.key) {
                *slot = Some(*piece);
            }
            if let Some(children) = self.fill(index, child.value.into_inner(), &span) {
                path.push(Open { node: index, last_child: 0, children: children.into_iter() });
            }
        }
    }

    fn finish(mut self, len: usize) -> DepsToml {
        self.problems.sort_by_key(|problem| problem.start);
        self.problems.dedup_by(|a, b| a.start == b.start && a.message == b.message);
        self.problems.truncate(toml_guard::PROBLEMS_MAX);
        let messages: Vec<Piece> = self.problems.iter().map(|problem| self.texts.add(&problem.message)).collect();
        let mut nodes = self.nodes;
        for ((node, key), value) in nodes.iter_mut().zip(self.keys).zip(self.values) {
            (node.key, node.key_len) = self.texts.pointer(key);
            (node.text, node.text_len) = self.texts.pointer(value);
        }
        let tell = |(problem, piece): (&Problem, Piece)| {
            let (start, end) = range(&(problem.start..problem.end.max(problem.start)), len);
            let (message, message_len) = self.texts.pointer(Some(piece));
            DepsTomlError { start, end, message, message_len }
        };
        let errors = self.problems.iter().zip(messages).map(tell).collect();
        DepsToml { nodes, errors, _texts: self.texts }
    }
}

fn parse(bytes: &[u8]) -> DepsToml {
    let mut builder = Builder::default();
    match std::str::from_utf8(bytes).map_err(|error| error.valid_up_to()) {
        Err(place) => {
            let end = place.saturating_add(1);
            builder.problems.push(Problem { start: place, end, message: "not UTF-8".to_owned() });
            builder.add_tree(DeTable::new(), bytes.len());
        }
        Ok(text) => match toml_guard::admit(text) {
            Err(problems) => {
                builder.problems = problems;
                builder.add_tree(DeTable::new(), bytes.len());
            }
            Ok(()) => {
                let (root, errors) = DeTable::parse_recoverable(text);
                for error in errors.iter().take(toml_guard::PROBLEMS_MAX) {
                    let span = error.span().unwrap_or(0..0);
                    let message = error.message().to_owned();
                    builder.problems.push(Problem { start: span.start, end: span.end, message });
                }
                builder.add_tree(root.into_inner(), bytes.len());
            }
        },
    }
    builder.finish(bytes.len())
}

/// # Safety
/// `text` is valid for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deps_toml_parse(text: *const c_char, len: usize) -> *mut DepsToml {
    Box::into_raw(Box::new(parse(unsafe { borrowed(text.cast(), len) })))
}

/// # Safety
/// `toml` comes from `deps_toml_parse`; `count` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deps_toml_nodes(toml: *const DepsToml, count: *mut usize) -> *const DepsTomlNode {
    let toml = unsafe { &*toml };
    unsafe { *count = toml.nodes.len() };
    toml.nodes.as_ptr()
}

/// # Safety
/// `toml` comes from `deps_toml_parse`; `count` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deps_toml_errors(toml: *const DepsToml, count: *mut usize) -> *const DepsTomlError {
    let toml = unsafe { &*toml };
    unsafe { *count = toml.errors.len() };
    toml.errors.as_ptr()
}

/// # Safety
/// `toml` comes from `deps_toml_parse` and is not used again, or is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deps_toml_free(toml: *mut DepsToml) {
    if !toml.is_null() {
        drop(unsafe { Box::from_raw(toml) });
    }
}
