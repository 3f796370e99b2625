//! Characters that are drawn as nothing, so that names must not have them.

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Blanks and placeholders. Unicode has no property that separates them from visible characters.
///
/// - U+2800 BRAILLE PATTERN BLANK, U+13441 EGYPTIAN HIEROGLYPH FULL BLANK and U+13442 HALF BLANK, U+16FE4 KHITAN SMALL
///   SCRIPT FILLER and U+1D159 MUSICAL SYMBOL NULL NOTEHEAD are drawn as nothing
/// - U+FFFC OBJECT REPLACEMENT CHARACTER marks an object that is not in the text
/// - U+FFFD REPLACEMENT CHARACTER replaces text that was lost, so that texts which differed become equal
const BLANKS: [char; 7] =
    ['\u{2800}', '\u{fffc}', '\u{fffd}', '\u{13441}', '\u{13442}', '\u{16fe4}', '\u{1d159}'];

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
    let is_blank = matches!(
        character.general_category(),
        Control | Format | LineSeparator | ParagraphSeparator | PrivateUse | SpaceSeparator | Unassigned
    );
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    !is_blank && !ignorable.contains(character) && !BLANKS.contains(&character)
}

/// Whether a text begins with a combining mark. It would combine with what a page or a message has before the name: after
/// a `<` or `>`, U+0338 makes another character of it (UAX #15 §1.1).
pub(super) fn begins_with_mark(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|first| first.general_category_group() == GeneralCategoryGroup::Mark)
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
    fn only_a_mark_at_the_beginning_counts() {
        assert!(begins_with_mark("\u{338}ada"));
        assert!(begins_with_mark("\u{20dd}ada"));
        assert!(!begins_with_mark("a\u{338}da") && !begins_with_mark(""));
    }
}
