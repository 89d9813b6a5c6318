//! Log templates: groups a stream of lines by the message they are instances of.
//!
//! Of the family of Drain (He et al., ICWS 2017): online, one pass, a line is compared only with
//! templates that could be its own. Other than Drain, the words are typed: what is plainly variable
//! is masked by its characters (`mask`), words of the vocabulary must agree, and unknown words may
//! differ if at least half of the words agree (`shape`). Lines whose masked text was seen before
//! take one look-up.
//!
//! The id of a template never changes and is never used again. Memory is bounded: the templates
//! that were seen longest ago are forgotten.

mod hash;
mod header;
mod mask;
mod shape;
mod time;
mod words;

use serde::{Deserialize, Serialize};

use hash::HashMap;
pub use header::{Header, split_header};
use mask::mask;
use shape::{SLOT_VAR, SLOT_WILD, Shape};

/// Names a template within its miner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TemplateId(pub u64);

impl std::fmt::Display for TemplateId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// How much a miner may hold.
#[derive(Clone, Copy, Debug)]
pub struct MinerLimits {
    /// Templates held at a time.
    pub templates_max: usize,
    /// Bytes of all their texts; as many again for texts whose template is known.
    pub template_bytes_max: usize,
    /// Bytes of a line that are looked at.
    pub line_bytes_max: usize,
    /// Different values of one word after which it is a variable.
    pub values_max: u32,
}

impl Default for MinerLimits {
    fn default() -> Self {
        MinerLimits {
            templates_max: 20_000,
            template_bytes_max: 8 * 1024 * 1024,
            line_bytes_max: 4096,
            values_max: 12,
        }
    }
}

/// Masked texts whose template is remembered, for each template that may be held.
const MEMO_ENTRIES_PER_TEMPLATE: usize = 4;
/// Templates of one skeleton that a line is compared with, newest first.
const CANDIDATES_MAX: usize = 64;
/// Counters of values by place.
const SIBLINGS_MAX: usize = 65_536;
/// Share of the templates that is forgotten at once, so that the search for the oldest pays.
const FORGET_ONE_IN: usize = 16;

/// Stands for what varies.
const PLACEHOLDER: &[u8] = b"<*>";

/// A message and how often it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its id.
    pub id: TemplateId,
    /// The text with `<*>` for what varies.
    pub text: String,
    /// Lines.
    pub count: u64,
    /// Number of the first line, from 1.
    pub first: u64,
    /// Number of the last line.
    pub last: u64,
}

struct Held {
    id: u64,
    /// The masked text of the first line.
    text: Box<[u8]>,
    /// Where in the text the slots are, and what has been in them.
    places: Box<[(u32, u32)]>,
    slots: Box<[u64]>,
    skeleton: u64,
    count: u64,
    first: u64,
    last: u64,
}

struct Memo {
    start: u32,
    len: u32,
    index: u32,
    id: u64,
}

/// Finds the template of every line.
pub struct Miner {
    limits: MinerLimits,
    templates: Vec<Held>,
    template_bytes: usize,
    by_skeleton: HashMap<Vec<u32>>,
    /// How many values a word has had, by the skeleton without it.
    siblings: HashMap<u32>,
    memo: HashMap<Memo>,
    memo_text: Vec<u8>,
    next_id: u64,
    lines: u64,
    masked: Vec<u8>,
    shape: Shape,
}

impl Miner {
    /// A miner that knows nothing.
    pub fn new(limits: MinerLimits) -> Self {
        Miner {
            limits,
            templates: Vec::new(),
            template_bytes: 0,
            by_skeleton: HashMap::default(),
            siblings: HashMap::default(),
            memo: HashMap::default(),
            memo_text: Vec::new(),
            next_id: 1,
            lines: 0,
            masked: Vec::new(),
            shape: Shape::default(),
        }
    }

    /// The template of a line with its header (time, host, level, program…), which is left out.
    pub fn learn(&mut self, line: &str) -> TemplateId {
        self.learn_bytes(split_header(line.as_bytes()).content)
    }

    /// The template of a message that has no header.
    pub fn learn_content(&mut self, message: &str) -> TemplateId {
        self.learn_bytes(message.as_bytes())
    }

    /// As [`Miner::learn_content`], for text that may be no UTF-8.
    pub fn learn_bytes(&mut self, message: &[u8]) -> TemplateId {
        self.lines += 1;
        let head = message.get(..self.limits.line_bytes_max).unwrap_or(message);
        let mut masked = std::mem::take(&mut self.masked);
        mask(head, &mut masked);
        let index = self.find(&masked);
        self.masked = masked;
        match self.templates.get_mut(index) {
            Some(held) => {
                held.count += 1;
                held.last = self.lines;
                TemplateId(held.id)
            }
            None => TemplateId(0),
        }
    }

    fn find(&mut self, masked: &[u8]) -> usize {
        let key = hash::of(masked);
        if let Some(memo) = self.memo.get(&key) {
            let (start, len) = (memo.start as usize, memo.len as usize);
            let same = self.memo_text.get(start..start + len) == Some(masked);
            let index = memo.index as usize;
            if same && self.templates.get(index).is_some_and(|held| held.id == memo.id) {
                return index;
            }
        }
        let mut shape = std::mem::take(&mut self.shape);
        shape.read(masked);
        let index = self.place(&shape, masked);
        self.shape = shape;
        self.remember(key, masked, index);
        index
    }

    fn remember(&mut self, key: u64, masked: &[u8], index: usize) {
        let entries_max = self.limits.templates_max.saturating_mul(MEMO_ENTRIES_PER_TEMPLATE);
        let full = self.memo.len() >= entries_max
            || self.memo_text.len() + masked.len() > self.limits.template_bytes_max;
        if full {
            self.memo.clear();
            self.memo_text.clear();
        }
        let Some(held) = self.templates.get(index) else { return };
        let start = self.memo_text.len() as u32;
        self.memo_text.extend_from_slice(masked);
        let memo = Memo { start, len: masked.len() as u32, index: index as u32, id: held.id };
        self.memo.insert(key, memo);
    }

    fn place(&mut self, shape: &Shape, masked: &[u8]) -> usize {
        if let Some(index) = self.best(shape, shape.skeleton) {
            self.generalise(index, shape);
            return index;
        }
        for fixed in shape.fixed.iter().skip(1) {
            let freed = shape.without(fixed);
            if self.siblings.get(&freed).is_some_and(|n| *n >= self.limits.values_max)
                && let Some(index) = self.best(shape, freed)
            {
                self.generalise(index, shape);
                return index;
            }
        }
        self.make_room(masked.len());
        // A word that has had too many values is a variable from now on.
        let mut freed = None;
        for fixed in shape.fixed.iter().skip(1) {
            if self.siblings.len() >= SIBLINGS_MAX {
                self.siblings.clear();
            }
            let seen = self.siblings.entry(shape.without(fixed)).or_default();
            *seen += 1;
            if *seen >= self.limits.values_max && freed.is_none() {
                freed = Some(*fixed);
            }
        }
        self.add(shape, masked, freed)
    }

    fn best(&self, shape: &Shape, skeleton: u64) -> Option<usize> {
        let candidates = self.by_skeleton.get(&skeleton)?;
        let mut best: Option<(usize, usize)> = None;
        for index in candidates.iter().rev().take(CANDIDATES_MAX) {
            let Some(held) = self.templates.get(*index as usize) else { continue };
            if let Some(equal) = shape.agrees(&held.slots)
                && best.is_none_or(|(most, _)| equal > most)
            {
                best = Some((equal, *index as usize));
            }
        }
        best.map(|(_, index)| index)
    }

    /// A place that has held two words is a variable.
    fn generalise(&mut self, index: usize, shape: &Shape) {
        let Some(held) = self.templates.get_mut(index) else { return };
        for (theirs, ours) in held.slots.iter_mut().zip(&shape.slots) {
            if theirs != ours {
                *theirs = SLOT_WILD;
            }
        }
    }

    fn add(&mut self, shape: &Shape, masked: &[u8], freed: Option<shape::Fixed>) -> usize {
        let skeleton = freed.map_or(shape.skeleton, |fixed| shape.without(&fixed));
        let (mut places, mut slots) = (shape.places.clone(), shape.slots.clone());
        if let Some(fixed) = freed {
            // Last, so that the slots of other lines of this template stay in step.
            places.push(fixed.place);
            slots.push(SLOT_WILD);
        }
        let index = self.templates.len();
        self.template_bytes += masked.len();
        self.templates.push(Held {
            id: self.next_id,
            text: masked.into(),
            places: places.into(),
            slots: slots.into(),
            skeleton,
            count: 0,
            first: self.lines,
            last: self.lines,
        });
        self.next_id += 1;
        self.by_skeleton.entry(skeleton).or_default().push(index as u32);
        index
    }

    fn make_room(&mut self, bytes: usize) {
        let full = self.templates.len() >= self.limits.templates_max
            || self.template_bytes + bytes > self.limits.template_bytes_max;
        if !full {
            return;
        }
        let mut ages: Vec<u64> = self.templates.iter().map(|held| held.last).collect();
        let forget = ages.len() / FORGET_ONE_IN;
        let (_, oldest, _) = match ages.len() {
            0 => return,
            _ => ages.select_nth_unstable(forget),
        };
        let oldest = *oldest;
        self.templates.retain(|held| held.last > oldest);
        self.template_bytes = self.templates.iter().map(|held| held.text.len()).sum();
        self.by_skeleton.clear();
        for (index, held) in self.templates.iter().enumerate() {
            self.by_skeleton.entry(held.skeleton).or_default().push(index as u32);
        }
        self.memo.clear();
        self.memo_text.clear();
    }

    /// What is held, oldest first.
    pub fn templates(&self) -> impl Iterator<Item = Template> {
        self.templates.iter().map(Held::shown)
    }

    /// One template, if it is still held.
    pub fn template(&self, id: TemplateId) -> Option<Template> {
        self.held(id).map(Held::shown)
    }

    /// The text with `<*>` for all that may vary, whether it has so far or not: it depends on no
    /// line but this template's own, so that it names the template in another run too.
    pub fn pattern(&self, id: TemplateId) -> Option<String> {
        self.held(id).map(|held| held.text_without(|_| true))
    }

    fn held(&self, id: TemplateId) -> Option<&Held> {
        let at = self.templates.binary_search_by_key(&id.0, |held| held.id).ok()?;
        self.templates.get(at)
    }
}

impl Held {
    fn shown(&self) -> Template {
        Template {
            id: TemplateId(self.id),
            text: self.text_without(|slot| slot <= SLOT_VAR),
            count: self.count,
            first: self.first,
            last: self.last,
        }
    }

    fn text_without(&self, left_out: impl Fn(u64) -> bool) -> String {
        let slots = self.places.iter().zip(&self.slots);
        let mut out: Vec<(u32, u32)> =
            slots.filter(|(_, slot)| left_out(**slot)).map(|(place, _)| *place).collect();
        out.sort_unstable();
        let mut text = Vec::with_capacity(self.text.len() + PLACEHOLDER.len() * out.len());
        let mut from = 0;
        for (start, end) in out {
            text.extend_from_slice(self.text.get(from..start as usize).unwrap_or_default());
            text.extend_from_slice(PLACEHOLDER);
            from = end as usize;
        }
        text.extend_from_slice(self.text.get(from..).unwrap_or_default());
        String::from_utf8_lossy(&text).into_owned()
    }
}
