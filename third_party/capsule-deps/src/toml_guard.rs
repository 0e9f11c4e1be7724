// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A first pass over a TOML document that builds nothing. The tree of the `toml` crate is dropped recursively and its own limit
// counts brackets only, so `a.a.a.…` a million times would overflow the stack; and nothing bounds how many values or errors it
// collects. This pass decides whether the document is small and shallow enough to be read at all.

use toml_parser::ErrorSink;
use toml_parser::Expected;
use toml_parser::ParseError;
use toml_parser::Source;
use toml_parser::Span;
use toml_parser::decoder::Encoding;
use toml_parser::parser::EventReceiver;

use crate::toml_tree::Problem;

/// Bytes of a document.
pub const DOCUMENT_MAX: usize = 4 << 20;
/// Keys and brackets a value may stand under.
pub const DEPTH_MAX: usize = 128;
/// Brackets in each other, and parts of one key: what the `toml` crate allows, refused with a place and in our words.
pub const RUN_MAX: usize = 80;
/// Keys, values and table headers of a document.
pub const NODES_MAX: usize = 200_000;
/// Problems kept of one document.
pub const PROBLEMS_MAX: usize = 64;

#[derive(Default)]
struct Guard {
    /// Depth each open bracket was opened at, to come back to.
    open: Vec<usize>,
    /// Depth of the table header or bracket the current key stands in.
    base: usize,
    /// Parts of the current key.
    parts: usize,
    /// A dot was seen: the next key part belongs to the same key.
    dotted: bool,
    /// A `=` was seen: the next value is the one its key was counted for.
    valued: bool,
    nodes: usize,
    refusal: Option<Problem>,
}

impl Guard {
    fn refuse(&mut self, span: Span, message: String) {
        self.refusal.get_or_insert(Problem { start: span.start(), end: span.end(), message });
    }

    fn check(&mut self, span: Span) {
        if self.base + self.parts > DEPTH_MAX {
            self.refuse(span, format!("nested too deeply: a value may stand under {DEPTH_MAX} keys and brackets at most"));
        }
        if self.parts > RUN_MAX {
            self.refuse(span, format!("nested too deeply: a key may have {RUN_MAX} parts at most"));
        }
        if self.nodes > NODES_MAX {
            self.refuse(span, format!("too large: a document may hold {NODES_MAX} keys and values at most"));
        }
    }

    fn count_value(&mut self, span: Span) {
        if !std::mem::take(&mut self.valued) {
            self.nodes += 1;
        }
        self.check(span);
    }

    fn open_header(&mut self) {
        self.open.clear();
        self.base = 0;
        self.parts = 0;
        self.dotted = false;
        self.nodes += 1;
    }

    fn close_header(&mut self) {
        self.base = self.parts;
        self.parts = 0;
    }

    fn open_bracket(&mut self, span: Span) -> bool {
        self.count_value(span);
        self.open.push(self.base);
        self.open.push(self.parts);
        self.base += self.parts + 1;
        self.parts = 0;
        self.check(span);
        if self.open.len() / 2 > RUN_MAX {
            self.refuse(span, format!("nested too deeply: brackets may stand in each other {RUN_MAX} deep at most"));
        }
        self.refusal.is_none()
    }

    fn close_bracket(&mut self) {
        if let (Some(parts), Some(base)) = (self.open.pop(), self.open.pop()) {
            self.parts = parts;
            self.base = base;
        }
    }
}

impl EventReceiver for Guard {
    fn std_table_open(&mut self, _span: Span, _error: &mut dyn ErrorSink) {
        self.open_header();
    }
    fn std_table_close(&mut self, _span: Span, _error: &mut dyn ErrorSink) {
        self.close_header();
    }
    fn array_table_open(&mut self, _span: Span, _error: &mut dyn ErrorSink) {
        self.open_header();
    }
    fn array_table_close(&mut self, _span: Span, _error: &mut dyn ErrorSink) {
        self.close_header();
    }
    fn inline_table_open(&mut self, span: Span, _error: &mut dyn ErrorSink) -> bool {
        self.open_bracket(span)
    }
    fn inline_table_close(&mut self, _span: Span, _error: &mut dyn ErrorSink) {
        self.close_bracket();
    }
    fn array_open(&mut self, span: Span, _error: &mut dyn ErrorSink) -> bool {
        self.open_bracket(span)
    }
    fn array_close(&mut self, _span: Span, _error: &mut dyn ErrorSink) {
        self.close_bracket();
    }
    fn simple_key(&mut self, span: Span, _encoding: Option<Encoding>, _error: &mut dyn ErrorSink) {
        if !std::mem::take(&mut self.dotted) {
            self.parts = 0;
        }
        self.parts += 1;
        self.nodes += 1;
        self.valued = false;
        self.check(span);
    }
    fn key_sep(&mut self, _span: Span, _error: &mut dyn ErrorSink) {
        self.dotted = true;
    }
    fn key_val_sep(&mut self, _span: Span, _error: &mut dyn ErrorSink) {
        self.dotted = false;
        self.valued = true;
    }
    fn scalar(&mut self, span: Span, _encoding: Option<Encoding>, _error: &mut dyn ErrorSink) {
        self.count_value(span);
    }
}

/// Keeps the first problems and counts no further.
#[derive(Default)]
struct Kept(Vec<Problem>);

impl ErrorSink for Kept {
    fn report_error(&mut self, error: ParseError) {
        if self.0.len() < PROBLEMS_MAX {
            let (start, end) = error.unexpected().map_or((0, 0), |span| (span.start(), span.end()));
            self.0.push(Problem { start, end, message: describe(&error) });
        }
    }
}

fn describe(error: &ParseError) -> String {
    let mut text = error.description().to_owned();
    for (i, expected) in error.expected().unwrap_or_default().iter().enumerate() {
        text.push_str(if i == 0 { ", expected " } else { ", " });
        match expected {
            Expected::Literal("\n") => text.push_str("newline"),
            Expected::Literal(literal) => text.push_str(&format!("`{}`", literal.escape_debug())),
            Expected::Description(words) => text.push_str(words),
            _ => text.push_str("something else"),
        }
    }
    text
}

/// Whether the document may be read into a tree; if not, what to tell instead.
pub fn admit(text: &str) -> Result<(), Vec<Problem>> {
    if text.len() > DOCUMENT_MAX {
        let message = format!("too large: a document may have {DOCUMENT_MAX} bytes at most");
        return Err(vec![Problem { start: DOCUMENT_MAX, end: text.len(), message }]);
    }
    let mut guard = Guard::default();
    let mut kept = Kept::default();
    let tokens = Source::new(text).lex().into_vec();
    toml_parser::parser::parse_document(&tokens, &mut guard, &mut kept);
    match guard.refusal {
        Some(refusal) => Err(vec![refusal]),
        None if kept.0.len() >= PROBLEMS_MAX => Err(kept.0),
        None => Ok(()),
    }
}
