//! Characters that are drawn as nothing or over others, so that names must not have them.

use icu_properties::CodePointSetData;
use icu_properties::props::{DefaultIgnorableCodePoint, SoftDotted};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

// A character that only the properties know would be accepted, and the next version would compose it: its key would change.
const _: () = assert!(
    unicode_properties::UNICODE_VERSION.0 <= unicode_normalization::UNICODE_VERSION.0 as u64,
    "unicode-properties has a later version of Unicode than unicode-normalization; update unicode-normalization"
);

/// The most nonspacing marks in a row (UTS 39 §5.4).
const MAX_MARKS: usize = 4;

/// Blanks and placeholders. Unicode has no property that separates them from visible characters.
///
/// - U+2800 BRAILLE PATTERN BLANK, U+13441 EGYPTIAN HIEROGLYPH FULL BLANK and U+13442 HALF BLANK, U+16FE4 KHITAN SMALL
///   SCRIPT FILLER and U+1D159 MUSICAL SYMBOL NULL NOTEHEAD are drawn as nothing
/// - U+2D7F TIFINAGH CONSONANT JOINER and U+13440 EGYPTIAN HIEROGLYPH MIRROR HORIZONTALLY only change their neighbours
/// - U+FFFC OBJECT REPLACEMENT CHARACTER marks an object that is not in the text
/// - U+FFFD REPLACEMENT CHARACTER replaces text that was lost, so that texts which differed become equal
const BLANKS: [char; 9] = [
    '\u{2800}',
    '\u{2d7f}',
    '\u{fffc}',
    '\u{fffd}',
    '\u{13440}',
    '\u{13441}',
    '\u{13442}',
    '\u{16fe4}',
    '\u{1d159}',
];

/// Whether a character is one of the blanks and placeholders that Unicode has no property for.
pub(super) fn is_blank(character: char) -> bool {
    BLANKS.contains(&character)
}

/// Whether a character is assigned and drawn as something.
///
/// Refused are control and format characters, spaces, characters of private use, unassigned ones (a later version of
/// Unicode may fold or compose them), those with the property `Default_Ignorable_Code_Point` (such as U+3164 HANGUL
/// FILLER), and [`BLANKS`].
pub(super) fn is_visible(character: char) -> bool {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, SpaceSeparator, Unassigned,
    };
    if character.is_ascii() {
        return character.is_ascii_graphic();
    }
    let is_unseen = matches!(
        character.general_category(),
        Control | Format | LineSeparator | ParagraphSeparator | PrivateUse | SpaceSeparator | Unassigned
    );
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    !is_unseen && !ignorable.contains(character) && !is_blank(character)
}

/// Whether a text begins with a combining mark. It would combine with what a page or a message has before the name: after
/// a `<` or `>`, U+0338 makes another character of it (UAX #15 §1.1).
pub(super) fn begins_with_mark(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|first| first.general_category_group() == GeneralCategoryGroup::Mark)
}

/// U+200C and U+200D, which some scripts need between letters. They are drawn as nothing.
pub(super) fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// Whether a text has nonspacing marks that are drawn over others, or that a reader does not see (UTS 39 §5.4):
///
/// - the same mark twice in a row, or more than [`MAX_MARKS`] in a row
/// - U+0307, the dot above, on a letter that has a dot or is drawn as one that has it: `i`, `j`, `l`, `ı`
/// - a mark of another script than its letter
///
/// Joiners between them do not count.
pub(super) fn has_hidden_marks(text: &str) -> bool {
    let mut base = None;
    let mut marks = Vec::new();
    let decomposed = text.nfd().filter(|character| !is_joiner(*character));
    for character in decomposed {
        if !is_nonspacing(character) {
            base = Some(character);
            marks.clear();
            continue;
        }
        let is_repeated = marks.last() == Some(&character);
        if is_repeated || marks.len() == MAX_MARKS || is_foreign(character, base) {
            return true;
        }
        if is_hidden_dot(character, base, &marks) {
            return true;
        }
        marks.push(character);
    }
    false
}

fn is_nonspacing(character: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark};
    matches!(character.general_category(), EnclosingMark | NonspacingMark)
}

/// Whether a mark belongs to other scripts than its letter. Marks that inherit the script of their letter, such as U+0301,
/// belong to all.
fn is_foreign(mark: char, base: Option<char>) -> bool {
    let inherits = matches!(mark.script(), Script::Inherited | Script::Common);
    let scripts = mark.script_extension();
    !inherits && base.is_some_and(|base| scripts.intersection(base.script_extension()).is_empty())
}

/// Whether a mark is a dot above a letter that is drawn with one. A mark below the letter changes nothing.
fn is_hidden_dot(mark: char, base: Option<char>, marks: &[char]) -> bool {
    const ABOVE: u8 = 230;
    let is_dotted = |base: char| {
        CodePointSetData::new::<SoftDotted>().contains(base) || matches!(base, 'l' | '\u{131}' | '\u{237}')
    };
    let is_lowest = marks.iter().all(|mark| !matches!(canonical_combining_class(*mark), 0 | ABOVE));
    mark == '\u{307}' && is_lowest && base.is_some_and(is_dotted)
}

/// The visible characters, alone and before two marks. Of the Chinese and Korean ones, which have no case, every 16th.
#[cfg(test)]
pub(super) fn visible_texts() -> impl Iterator<Item = String> {
    let east_asian = ['\u{3400}'..'\u{a000}', '\u{ac00}'..'\u{d7a4}', '\u{20000}'..char::MAX];
    let is_chosen = move |character: &char| {
        u32::from(*character) % 16 == 0 || !east_asian.iter().any(|range| range.contains(character))
    };
    // The planes above have no visible characters.
    let characters = ('\0'..'\u{40000}').filter(|character| is_visible(*character)).filter(is_chosen);
    characters.flat_map(|character| [String::from(character), format!("{character}\u{301}\u{345}")])
}

/// The first 16 digits of the digest of a table that is too long for a test.
#[cfg(test)]
pub(super) fn hex(digest: sha2::Sha256) -> String {
    sha2::Digest::finalize(digest).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_found_by_their_properties_or_by_name() {
        let invisible = [
            '\0',
            '\n',
            ' ',
            '\u{7f}',
            '\u{85}',
            '\u{a0}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{17b4}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{2028}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{3000}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fffe}',
            '\u{e000}',
            '\u{378}',
            '\u{e0001}',
            '\u{e0100}',
        ];
        for character in invisible.into_iter().chain(BLANKS) {
            assert!(!is_visible(character), "{character:?}");
        }
        for character in
            "a~\u{e9}\u{df}\u{3c2}\u{5d0}\u{627}\u{4e2d}\u{ac00}\u{e01}\u{301}\u{1f600}\u{2764}".chars()
        {
            assert!(is_visible(character), "{character:?}");
        }
    }

    #[test]
    fn marks_that_a_reader_does_not_see_are_found() {
        for text in [
            "admi\u{307}n",
            "j\u{307}",
            "i\u{323}\u{307}",
            "\u{12f}\u{307}",
            "adm\u{131}\u{307}n",
            "pau\u{6c}\u{307}",
            "\u{456}\u{307}",
            "e\u{301}\u{301}",
            "\u{e9}\u{301}",
            "a\u{300}\u{301}\u{302}\u{303}\u{304}",
            "\u{915}\u{94d}\u{200d}\u{94d}",
            "n\u{1039}",
            "n\u{17d2}",
            "a\u{5b8}",
        ] {
            assert!(has_hidden_marks(text), "{text:?}");
        }
        for text in [
            "",
            "\u{130}",
            "\u{1ed9}",
            "i\u{301}\u{307}",
            "z\u{307}",
            "a\u{300}\u{301}\u{302}\u{303}",
            "\u{915}\u{94d}\u{200d}\u{937}",
            "\u{645}\u{62d}\u{645}\u{651}\u{62f}",
            "\u{5e9}\u{5c1}\u{5b8}",
            "\u{1780}\u{17d2}\u{1781}",
            "\u{e19}\u{e49}\u{e33}",
            "1\u{20e3}",
        ] {
            assert!(!has_hidden_marks(text), "{text:?}");
        }
    }

    #[test]
    fn only_a_mark_at_the_beginning_counts() {
        assert!(begins_with_mark("\u{338}ada"));
        assert!(begins_with_mark("\u{20dd}ada"));
        assert!(!begins_with_mark("a\u{338}da") && !begins_with_mark(""));
    }
}
