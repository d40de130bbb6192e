//! INI as `PasteDeploy` reads it: sections, continued lines, `%(name)s`.

use std::collections::BTreeMap;

/// Settings by name.
pub(super) type Section = BTreeMap<String, String>;

/// How many settings the value of one may name, and they in their turn.
const MOST_NAMED: usize = 200;
/// How long a value may become.
const LONGEST: usize = 64 * 1024;

/// A whole file, everything put in its place.
pub(super) struct Ini(BTreeMap<String, Section>);

impl Ini {
    /// Reads a file that lies in the folder `here`.
    pub(super) fn read(text: &str, here: &str) -> Result<Self, String> {
        let mut sections = parse(text)?;
        let mut defaults = sections.remove("DEFAULT").unwrap_or_default();
        defaults.insert("here".to_owned(), here.replace('%', "%%"));
        let mut whole = BTreeMap::new();
        for (name, section) in sections {
            let mut all = defaults.clone();
            all.extend(section.clone());
            let mut settled = Section::new();
            for key in section.keys() {
                let mut left = MOST_NAMED;
                settled.insert(key.clone(), filled_in(&all[key], &all, &mut left)?);
            }
            whole.insert(name, settled);
        }
        Ok(Self(whole))
    }

    /// The proxy's own settings.
    pub(super) fn app(&self) -> Option<&Section> {
        let uses = |section: &&Section| {
            let used = section.get("use").map(|used| used.replace('_', "-")).unwrap_or_default();
            used.contains("oidc-token-proxy") || used.contains("oidc-reissuer")
        };
        self.beginning("app:").find(uses)
    }

    /// The settings of its server.
    pub(super) fn server(&self) -> Option<&Section> {
        self.0.get("server:main").or_else(|| self.beginning("server:").next())
    }

    fn beginning(&self, prefix: &str) -> impl Iterator<Item = &Section> {
        self.0.iter().filter(move |(name, _)| name.starts_with(prefix)).map(|(_, section)| section)
    }
}

fn parse(text: &str) -> Result<BTreeMap<String, Section>, String> {
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut current: Option<String> = None;
    let mut key: Option<String> = None;
    for (number, line) in text.lines().enumerate() {
        let bad = |what: &str| format!("line {}: {what}", number + 1);
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let inside = current.as_ref().and_then(|name| sections.get_mut(name));
        if line.starts_with([' ', '\t']) {
            let value = inside.zip(key.as_ref()).and_then(|(section, key)| section.get_mut(key));
            let value = value.ok_or_else(|| bad("continues nothing"))?;
            value.push('\n');
            value.push_str(trimmed);
        } else if let Some(name) = trimmed.strip_prefix('[') {
            let name = name.strip_suffix(']').ok_or_else(|| bad("is no section"))?;
            sections.entry(name.to_owned()).or_default();
            (current, key) = (Some(name.to_owned()), None);
        } else {
            let section = inside.ok_or_else(|| bad("stands in no section"))?;
            let (name, value) =
                trimmed.split_once(['=', ':']).ok_or_else(|| bad("is no setting"))?;
            section.insert(name.trim().to_owned(), value.trim().to_owned());
            key = Some(name.trim().to_owned());
        }
    }
    Ok(sections)
}

/// `%(name)s` is another setting, `%%` a percent sign.
fn filled_in(text: &str, all: &Section, left: &mut usize) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        filled.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            filled.push('%');
            rest = after;
            continue;
        }
        let named = after.strip_prefix('(').and_then(|after| after.split_once(")s"));
        let (name, after) = named.ok_or("has a % that begins no %(name)s")?;
        let value = all.get(name).ok_or_else(|| format!("names %({name})s, which is nowhere"))?;
        let circle = || format!("has settings that name each other without end: %({name})s");
        *left = left.checked_sub(1).ok_or_else(circle)?;
        filled.push_str(&filled_in(value, all, left)?);
        if filled.len() > LONGEST {
            return Err(circle());
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}
