//! Tables and lists of facts for people.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::terminal::plain;

const GAP: usize = 2;
const INDENT: usize = 2;

/// Off a terminal nothing is padded further than this: one long cell must not lengthen every line.
const PADDED: usize = 255;

/// A table without lines. Where the terminal is too narrow for a row, the columns that do not fit
/// go to indented lines below, each under its heading. Cells are whole, unless [`Self::cut_at`].
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    widest: usize,
}

impl Table {
    /// A table with these headings.
    pub(super) fn new(headings: &[&str]) -> Self {
        let headings = headings.iter().map(|&heading| heading.to_owned()).collect();
        Self { rows: vec![headings], widest: usize::MAX }
    }

    /// On a terminal, cells end in `…` where they are wider than `columns`.
    pub(super) fn cut_at(mut self, columns: usize) -> Self {
        self.widest = columns;
        self
    }

    /// A row, a cell for each heading.
    pub(super) fn push(&mut self, cells: &[String]) {
        self.rows.push(cells.iter().map(|cell| plain(cell)).collect());
    }

    /// The table for a terminal of `width` columns, or, without one, one line a row; every line of
    /// it after `margin` spaces. No line ends in a space or, the last one, in a line feed.
    pub(super) fn render(mut self, width: Option<usize>, margin: usize) -> String {
        if width.is_some() {
            let cut = self.widest;
            self.rows.iter_mut().flatten().for_each(|cell| cut_off(cell, cut));
        }
        let columns = self.rows.first().map_or(0, Vec::len);
        let widest = |at: usize| self.rows.iter().map(|row| row[at].width()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(widest).collect();
        let folds = fold(&widths, width.map_or(usize::MAX, |width| width.saturating_sub(margin)));
        // On a terminal a column wider than it has nothing beside it.
        let padded = width.unwrap_or(PADDED);
        let padded: Vec<usize> = widths.iter().map(|&column| column.min(padded)).collect();
        let mut lines = Vec::new();
        for row in &self.rows {
            for (n, fold) in folds.iter().enumerate() {
                let indent = margin + if n == 0 { 0 } else { INDENT };
                lines.push(line(indent, &row[fold.clone()], &padded[fold.clone()]));
            }
        }
        lines.join("\n")
    }
}

/// Which columns share a line: as many as fit, and at least one.
fn fold(widths: &[usize], width: usize) -> Vec<std::ops::Range<usize>> {
    let mut folds = Vec::new();
    let (mut first, mut used) = (0, 0);
    for (at, column) in widths.iter().enumerate() {
        let wanted = used + GAP + column;
        if at > first && wanted > width {
            folds.push(first..at);
            (first, used) = (at, INDENT + column);
        } else {
            used = if at == first { used + column } else { wanted };
        }
    }
    folds.push(first..widths.len());
    folds
}

fn line(indent: usize, cells: &[String], widths: &[usize]) -> String {
    let mut line = " ".repeat(indent);
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(cell);
        line.push_str(&" ".repeat(width.saturating_sub(cell.width()) + GAP));
    }
    line.truncate(line.trim_end().len());
    line
}

/// One walk: a cell is as long as somebody liked.
fn cut_off(cell: &mut String, columns: usize) {
    if cell.width() <= columns {
        return;
    }
    let mut used = 0;
    let end = cell.char_indices().find(|(_, c)| {
        used += at_most(*c);
        used >= columns
    });
    cell.truncate(end.map_or(cell.len(), |(at, _)| at));
    cell.push('…');
}

/// How much a character may add to a text. In sequences (letters that join, emoji) it is less.
fn at_most(c: char) -> usize {
    const WIDE_BEFORE: char = '\u{fe0f}';
    if c == WIDE_BEFORE { 1 } else { c.width().unwrap_or(1) }
}

/// Facts, one a line, their values aligned; every line after `margin` spaces.
pub(super) fn facts(facts: &[(&str, String)], margin: usize) -> String {
    let widest = facts.iter().map(|(name, _)| name.width()).max().unwrap_or(0).min(PADDED);
    let row = |(name, value): &(&str, String)| {
        line(margin, &[(*name).to_owned(), plain(value)], &[widest, 0])
    };
    facts.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["ID", "NAME", "WHERE"]);
        for row in [["1", "部署", "https://a.example/x"], ["22", "\u{1b}[1mx", "-"]] {
            table.push(&row.map(str::to_owned));
        }
        table
    }

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let wide = "ID  NAME        WHERE\n\
                    1   部署        https://a.example/x\n\
                    22  \\u{1b}[1mx  -";
        assert_eq!(table().render(None, 0), wide);
        assert_eq!(table().render(Some(35), 0), wide, "it fits exactly");
    }

    #[test]
    fn what_does_not_fit_goes_below() {
        let folded = "  ID  NAME\n    WHERE\n\
                      \x20 1   部署\n    https://a.example/x\n\
                      \x20 22  \\u{1b}[1mx\n    -";
        assert_eq!(table().render(Some(36), 2), folded);
        assert_eq!(table().render(Some(1), 0).lines().count(), 9, "a column a line at the least");
    }

    #[test]
    fn cells_are_cut_on_a_terminal_only() {
        let cut = table().cut_at(4).render(Some(80), 0);
        assert_eq!(cut, "ID  NAME  WHE…\n1   部署  htt…\n22  \\u{…  -");
        assert_eq!(table().cut_at(4).render(None, 0), table().render(None, 0));
    }

    proptest::proptest! {
        #[test]
        fn what_is_cut_fits(
            text in "(\\PC|[☺1👩🏽नम]|\u{fe0f}|\u{20e3}|\u{200d}){0,60}",
            columns in 1..40_usize,
        ) {
            let mut cell = text.clone();
            cut_off(&mut cell, columns);
            proptest::prop_assert!(cell.width() <= columns, "{cell:?}");
            let kept = cell.strip_suffix('…').unwrap_or(&cell);
            proptest::prop_assert!(text.starts_with(kept) && (cell == text || cell != kept));
        }
    }

    #[test]
    fn one_endless_cell_costs_the_others_nothing() {
        let endless = "n".repeat(300_000);
        let table = || {
            let mut table = Table::new(&["NAME", "OWNER"]).cut_at(40);
            table.push(&[endless.clone(), "a".to_owned()]);
            table.push(&["m".to_owned(), "b".to_owned()]);
            table
        };
        let begun = std::time::Instant::now();
        let cut = table().render(Some(80), 0);
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
        assert_eq!(cut.lines().nth(1).unwrap(), format!("{}…  a", "n".repeat(39)));
        let whole = table().render(None, 0);
        let lines: Vec<&str> = whole.lines().collect();
        assert_eq!(lines[1], format!("{endless}  a"));
        assert_eq!(lines[2], format!("m{:256}b", ""));
    }

    #[test]
    fn facts_are_aligned() {
        let list = [("a", "1".to_owned()), ("long", "x\ny".to_owned()), ("b", String::new())];
        assert_eq!(facts(&list, 2), "  a     1\n  long  x\\u{a}y\n  b");
        let list = [("部署", "1".to_owned()), (&*"n".repeat(9000), "2".to_owned())];
        let (wide, long) = (format!("部署{:253}1", ""), format!("{}  2", "n".repeat(9000)));
        assert_eq!(facts(&list, 0), format!("{wide}\n{long}"));
    }
}
