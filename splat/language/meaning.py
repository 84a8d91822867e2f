"""Whether a text says what to look for.

Every text has a vector, and the nearest thing to it always looks found: "the" and an emoji had relevancies of 0.9. So a
text without a word that names something is not asked at all.
"""

from __future__ import annotations

import re
import unicodedata

from splat.language.relevancy import CANONICAL
from splat.language.types import Teacher

# Words that join others, point, count or stand for anything; not those that are also the name of a thing (can, mine).
_SMALL = """
    a an the this that these those such same
    i me my you your yours he him his she her hers it its we us our ours they them their theirs
    who whom whose which what someone somebody something anyone anybody anything everyone everybody everything
    nobody nothing none other others another each every either neither both all any some
    about above across after against along among around as at before behind below beneath beside besides between beyond
    by down during except for from in inside into like near of off on onto out outside over per since through to toward
    towards under until up upon via with within without
    and but or nor so yet if because although though than then else whether while when where why how
    am is are was were be been being do does did have has had having would should could shall may might must will
    not no yes very too just only also even here there now ever never always again quite rather more most less least
    much many few ok okay please
    zero one ones two three four five six seven eight nine ten
"""
# The same in other languages: articles and what joins words, unless something is called so in English.
_ELSEWHERE = """
    der das dem ein eine einen einem einer eines und mit ist la le les un une du et el los una uno unos unas il lo gli
    de di het een os um uma и в на не это он она оно они с к у 的 了 是 这 那 の は が を に と
"""
SMALL = frozenset((_SMALL + _ELSEWHERE).split())
ANYTHING = frozenset({*CANONICAL, "thing", "objects"})  # what every thing is compared with cannot be looked for
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


def words_of(text: str) -> list[str]:
    """The words of a text, lower case: runs of letters and digits with at least one letter, without what follows an
    apostrophe. Emoji, signs and numbers are none, nor are single letters of alphabets that write words with several."""
    kept = []
    for character in text:
        kind = unicodedata.category(character)
        if kind[0] in "LM" or kind == "Nd" or character in "'’":
            kept.append(character)
        elif kind != "Cf":  # invisible joiners do not divide words
            kept.append(" ")
    plain = unicodedata.normalize("NFKC", "".join(kept)).casefold()
    return [word for found in WORD.findall(plain) if _is_word(word := re.split("['’]", found)[0])]


def _is_word(word: str) -> bool:
    kinds = [unicodedata.category(character) for character in word]
    letters = [kind for kind in kinds if kind in ("Lo", "Ll", "Lu", "Lt")]
    return bool(letters) and (len(word) > 1 or letters[0] == "Lo")


def why_nothing(text: str, teacher: Teacher) -> str | None:
    """Why a text says nothing that could be looked for, in words for people; None where it says something.

    A text that the teacher was given as a name is enough; of others its vocabulary must have a part.
    """
    if teacher.lists(text):
        return None
    words = words_of(text)
    if not words:
        return "it has no word, so there is nothing to look for"
    if all(word in SMALL or word in ANYTHING for word in words):
        return "no word of it names anything, so there is nothing to look for"
    if not teacher.reads(text):
        return "the teacher's vocabulary has no part of it, so there is nothing to look for"
    return None
