"""Every instrument against results worked by hand; `V` names the person in the acceptance vignettes."""

from collections.abc import Sequence

import pytest

from contracts import instruments
from contracts.instruments import BadAnswers, Scored, UnknownInstrument, score

WORDS = {"-": None, "y": 1, "n": 0, "within3m": 1, "lifetime": 2}


def answers(written: str) -> list[int | None]:
    """As in the vignettes: `2 1 0`, `221`, `y n -`, with `0*8` for eight zeros."""
    words = written.split() if " " in written or "*" in written else list(written)
    read: list[int | None] = []
    for word in words:
        value, _, times = word.partition("*")
        read += [WORDS[value] if value in WORDS else int(value)] * int(times or 1)
    return read


def bam(
    use: Sequence[int | None], risk: Sequence[int | None], protective: Sequence[int | None]
) -> list[int | None]:
    """All 17 answers from those of the three subscales; items 7 and 17 are not asked."""
    places = dict(
        zip([4, 5, 6, 1, 2, 3, 8, 11, 15, 9, 10, 12, 13, 14, 16], [*use, *risk, *protective], strict=True)
    )
    return [places.get(number) for number in range(1, 18)]


def edeq(restraint: int, eating: int, shape: int, weight: int, both: int | None = 0) -> list[int | None]:
    """Every item of a subscale answered alike, and item 8, which is in two of them, by itself."""
    given: list[int | None] = [0] * 28
    for numbers, answer in (
        ((1, 2, 3, 4, 5), restraint),
        ((7, 9, 19, 20, 21), eating),
        ((6, 10, 11, 23, 26, 27, 28), shape),
        ((12, 22, 24, 25), weight),
    ):
        for number in numbers:
            given[number - 1] = answer
    given[7] = both
    return given


TOTALS = [
    # V1 Dana at the screening, twice in treatment, at the end
    ("phq9", "221212110", 12, "moderate", ()),
    ("phq9", "211212110", 11, "moderate", ()),
    ("phq9", "111211110", 9, "mild", ()),
    ("phq9", "101101000", 4, "minimal", ()),
    # V5 Mel before and after detox, and in treatment
    ("phq9", "323322220", 19, "moderately_severe", ()),
    ("phq9", "122212110", 12, "moderate", ()),
    ("phq9", "121212110", 11, "moderate", ()),
    # V6 Omar: severe, and item 9
    ("phq9", "332322212", 20, "severe", ("item9", "review")),
    # V7 Ivy at the start and twice later, the last time with item 9; Ike
    ("phq9", "222322210", 16, "moderately_severe", ()),
    ("phq9", "111211110", 9, "mild", ()),
    ("phq9", "111101101", 7, "mild", ("item9",)),
    ("phq9", "222212211", 15, "moderately_severe", ("item9",)),
    # by hand: extremes, both sides of a cut point, item 10 that does not count, item 9 alone
    ("phq9", "000000000", 0, "minimal", ()),
    ("phq9", "333333333", 27, "severe", ("item9", "review")),
    ("phq9", "3333333333", 27, "severe", ("item9", "review")),
    ("phq9", "000000000-", 0, "minimal", ()),
    ("phq9", "0000000003", 0, "minimal", ()),
    ("phq9", "110111000", 5, "mild", ()),
    ("phq9", "222222200", 14, "moderate", ()),
    ("phq9", "222222220", 16, "moderately_severe", ()),
    ("phq9", "000000003", 3, "minimal", ("item9",)),
    # V1 Dana at the screening and at the end, V5 Mel
    ("gad7", "2121111", 9, "mild", ()),
    ("gad7", "1010100", 3, "minimal", ()),
    ("gad7", "1121111", 8, "mild", ()),
    # by hand: extremes and both sides of each cut point
    ("gad7", "0000000", 0, "minimal", ()),
    ("gad7", "3333333", 21, "severe", ("review",)),
    ("gad7", "1111000", 4, "minimal", ()),
    ("gad7", "1111100", 5, "mild", ()),
    ("gad7", "2222200", 10, "moderate", ()),
    ("gad7", "2222222", 14, "moderate", ()),
    ("gad7", "3222222", 15, "severe", ("review",)),
    # V1 Dana: 21, and item 5 = 2 has no higher zone to lift to
    ("audit", "4232212122", 21, "zone_4", ("withdrawal_screen",)),
    # by hand: extremes and plain zones
    ("audit", "0000000000", 0, "zone_1", ()),
    ("audit", "4444444444", 40, "zone_4", ("withdrawal_screen",)),
    ("audit", "3310000000", 7, "zone_1", ()),
    ("audit", "4310000000", 8, "zone_2", ()),
    ("audit", "4441110000", 15, "zone_2", ()),
    ("audit", "4441111000", 16, "zone_3", ()),
    # 4+4+4+1+1+1+2+2 = 19, no sign: zone 3; one more on item 8 is 20
    ("audit", "4441112200", 19, "zone_3", ()),
    ("audit", "4441112300", 20, "zone_4", ("withdrawal_screen",)),
    # one zone up for 2 on item 4, 5 or 6, or 4 on item 9 or 10; 1 and 2 do not lift
    ("audit", "1002000000", 3, "zone_2", ("escalated",)),
    ("audit", "1000200000", 3, "zone_2", ("escalated",)),
    ("audit", "1000020000", 3, "zone_2", ("escalated",)),
    ("audit", "1000000040", 5, "zone_2", ("escalated",)),
    ("audit", "1000000004", 5, "zone_2", ("escalated",)),
    ("audit", "1001110022", 8, "zone_2", ()),
    ("audit", "4334020000", 16, "zone_4", ("escalated",)),
    # all signs together still lift by one zone only: 2+2+2 = 6
    ("audit", "0002220000", 6, "zone_2", ("escalated",)),
    # never drinks, or never more than two: the rest need not be asked
    ("audit", "0-------00", 0, "zone_1", ()),
    ("audit", "0-------44", 8, "zone_3", ("escalated",)),
    ("audit", "400-----22", 8, "zone_2", ()),
    # V9 Rosa's bundle: no to everything but item 3, which is reversed
    ("dast10", "nnynnnnnnn", 0, "none", ()),
    # by hand
    ("dast10", "nnnnnnnnnn", 1, "low", ()),
    ("dast10", "yynyyyyyyy", 10, "severe", ("intensive_assessment",)),
    ("dast10", "yyyyyyyyyy", 9, "severe", ("intensive_assessment",)),
    ("dast10", "ynnnnnnnnn", 2, "low", ()),
    ("dast10", "yynnnnnnnn", 3, "moderate", ()),
    ("dast10", "yynyynnnnn", 5, "moderate", ()),
    ("dast10", "yynyyynnnn", 6, "substantial", ("intensive_assessment",)),
    ("dast10", "yynyyyyynn", 8, "substantial", ("intensive_assessment",)),
    # V1 Dana, V5 Mel before and after detox
    ("ciwa_ar", "1111000000", 4, "mild", ()),
    ("ciwa_ar", "2211100010", 8, "mild", ()),
    ("ciwa_ar", "0101100000", 3, "mild", ()),
    # by hand
    ("ciwa_ar", "0000000000", 0, "mild", ()),
    ("ciwa_ar", "7777777774", 67, "severe", ("detox_gate", "medical_emergency")),
    ("ciwa_ar", "3330000000", 9, "mild", ()),
    ("ciwa_ar", "3330000001", 10, "moderate", ("detox_gate",)),
    ("ciwa_ar", "7740000000", 18, "moderate", ("detox_gate",)),
    ("ciwa_ar", "7740000001", 19, "severe", ("detox_gate", "medical_emergency")),
    # V5 Mel before and after detox, V9
    ("cows", "22122121110", 15, "moderate", ("medical_review", "detox_gate")),
    ("cows", "01001000010", 3, "none", ()),
    ("cows", "00000000000", 0, "none", ()),
    # by hand: maxima are 4+4+5+5+4+4+5+4+4+4+5
    ("cows", "44554454445", 48, "severe", ("medical_review", "medical_emergency", "detox_gate")),
    ("cows", "40000000000", 4, "none", ()),
    ("cows", "00500000000", 5, "mild", ("medical_review",)),
    ("cows", "44022000000", 12, "mild", ("medical_review",)),
    ("cows", "44000000005", 13, "moderate", ("medical_review", "detox_gate")),
    ("cows", "44554200000", 24, "moderate", ("medical_review", "detox_gate")),
    ("cows", "44554000003", 25, "moderately_severe", ("medical_review", "detox_gate")),
    ("cows", "44554454100", 36, "moderately_severe", ("medical_review", "detox_gate")),
    ("cows", "44554454200", 37, "severe", ("medical_review", "medical_emergency", "detox_gate")),
]


@pytest.mark.parametrize(("name", "written", "total", "band", "flags"), TOTALS)
def test_a_total_its_band_and_its_flags(
    name: str, written: str, total: int, band: str, flags: tuple[str, ...]
) -> None:
    assert score(name, answers(written)) == Scored(name, "1", total, {}, band, flags)


RISKS = [
    # V1 Dana and V5 Mel, V6 Omar, Noor, Pia, Quy, V7 Ivy and Ike, V9, V10 Vic
    ("n n - - - n", "none"),
    ("y y y y n n", "high"),
    ("y n - - - lifetime", "moderate"),
    ("n n - - - within3m", "high"),
    ("y y n n n n", "low"),
    ("y n - - - n", "low"),
    ("y y y n n within3m", "high"),
    ("n n - - - lifetime", "moderate"),
    # by hand
    ("n n n n n n", "none"),
    ("y y y y y within3m", "high"),
    ("y y n y n n", "high"),
    ("y y n n y n", "high"),
    ("y y y n n n", "moderate"),
    ("n y n n n n", "low"),
    ("n y y n n lifetime", "moderate"),
]


@pytest.mark.parametrize(("written", "band"), RISKS)
def test_a_suicide_screen_has_a_risk_and_no_total(written: str, band: str) -> None:
    assert score("cssrs", answers(written)) == Scored("cssrs", "1", None, {}, band, ())


@pytest.mark.parametrize(
    ("sixth", "months", "band"),
    [(1, 0, "high"), (1, 3, "high"), (1, 4, "moderate"), (1, None, "high"), (2, 4, "moderate")],
)
def test_months_say_whether_an_attempt_is_recent(sixth: int, months: int | None, band: str) -> None:
    assert score("cssrs", [0, 0, None, None, None, sixth], lifetime_months=months).band == band


@pytest.mark.parametrize(
    ("written", "months", "wrong"),
    [
        ("y n y - - n", None, ["3"]),
        ("y n n y y n", None, ["4", "5"]),
        ("y y - - - n", None, ["3", "4", "5"]),
        ("- y n n n n", None, ["1"]),
        ("n n - - - -", None, ["6"]),
        ("n n - - - lifetime", 3, ["6"]),
        ("n n - - - n", 2, ["6"]),
        ("n n - - - y", -1, ["6"]),
        ("- - - - - -", None, ["1", "2", "3", "4", "5", "6"]),
    ],
)
def test_a_suicide_screen_that_contradicts_itself_is_refused_and_never_guessed(
    written: str, months: int | None, wrong: list[str]
) -> None:
    with pytest.raises(BadAnswers) as refused:
        score("cssrs", answers(written), lifetime_months=months)
    assert [problem.item for problem in refused.value.problems] == wrong


SEXES = [
    # by hand: men from 4, women from 3, unknown as women and said so
    ("000", "male", 0, "negative", ()),
    ("444", "male", 12, "positive", ("audit",)),
    ("444", "female", 12, "positive", ("audit",)),
    ("111", "male", 3, "negative", ()),
    ("111", "female", 3, "positive", ("audit",)),
    ("211", "male", 4, "positive", ("audit",)),
    ("110", "female", 2, "negative", ()),
    ("111", None, 3, "positive", ("audit", "lower_cut")),
    ("111", "other", 3, "positive", ("audit", "lower_cut")),
    ("000", None, 0, "negative", ("lower_cut",)),
    # points from item 1 alone reach the cut: looked at, not positive
    ("400", "male", 4, "negative", ("review",)),
    ("300", "female", 3, "negative", ("review",)),
    ("300", None, 3, "negative", ("review", "lower_cut")),
    ("300", "male", 3, "negative", ()),
    ("310", "male", 4, "positive", ("audit",)),
    ("301", "male", 4, "positive", ("audit",)),
]


@pytest.mark.parametrize(("written", "sex", "total", "band", "flags"), SEXES)
def test_the_audit_c_is_positive_earlier_for_women(
    written: str, sex: str | None, total: int, band: str, flags: tuple[str, ...]
) -> None:
    assert score("audit_c", answers(written), sex=sex) == Scored("audit_c", "1", total, {}, band, flags)


# B 1-5, C 6-7, D 8-14, E 15-20; a symptom counts from 2
CLUSTERS = [
    ("0*20", 0, (0, 0, 0, 0), ()),
    ("4*20", 80, (20, 8, 28, 24), ("cut_point", "provisional")),
    ("1*20", 20, (5, 2, 7, 6), ()),
    # one B, one C, two D, two E at 2: the least that makes the pattern, far below the cut point
    ("2 0*4 2 0 2 2 0*5 2 2 0*4", 12, (2, 2, 4, 4), ("provisional",)),
    # the same with one D less, one E less, no C, no B
    ("2 0*4 2 0 2 1 0*5 2 2 0*4", 11, (2, 2, 3, 4), ()),
    ("2 0*4 2 0 2 2 0*5 2 1 0*4", 11, (2, 2, 4, 3), ()),
    ("2 0*4 1 1 2 2 0*5 2 2 0*4", 12, (2, 2, 4, 4), ()),
    ("1*5 2 0 2 2 0*5 2 2 0*4", 15, (5, 2, 4, 4), ()),
    # 33 without any C symptom: 4*5 + 0*2 + 4*3 + 1 = 33; and 32
    ("4*5 0*2 4*3 1 0*3 0*6", 33, (20, 0, 13, 0), ("cut_point",)),
    ("4*5 0*2 4*3 0*4 0*6", 32, (20, 0, 12, 0), ()),
]


@pytest.mark.parametrize(("written", "total", "clusters", "flags"), CLUSTERS)
def test_the_pcl_5_has_clusters_a_cut_point_and_a_pattern_but_no_bands(
    written: str, total: int, clusters: tuple[int, ...], flags: tuple[str, ...]
) -> None:
    named = dict(zip("bcde", clusters, strict=True))
    assert score("pcl5", answers(written)) == Scored("pcl5", "1", total, named, None, flags)


USES = [
    # V1 Dana: all three flags, at 1 or more, 12 or more, 12 or less
    (
        "likert",
        bam([2, 2, 0], [2, 2, 3, 2, 2, 1], [2, 2, 1, 2, 2, 2]),
        (4, 12, 11),
        ("use", "risk", "protective"),
    ),
    # V1 Dana at the end: the use items only
    ("likert", bam([0, 0, 0], [None] * 6, [None] * 6), (0, None, None), ()),
    # by hand
    ("likert", bam([0] * 3, [0] * 6, [0] * 6), (0, 0, 0), ("protective",)),
    ("likert", bam([4] * 3, [4] * 6, [4] * 6), (12, 24, 24), ("use", "risk")),
    ("likert", bam([0, 0, 1], [1, 2, 2, 2, 2, 2], [3, 2, 2, 2, 2, 2]), (1, 11, 13), ("use",)),
    ("likert", bam([0] * 3, [2] * 6, [2] * 6), (0, 12, 12), ("risk", "protective")),
    ("likert", bam([1, None, 0], [0] * 6, [4] * 6), (None, 0, 24), ()),
    # cut points for risk and protection are not published for the continuous form
    ("continuous", bam([0] * 3, [0] * 6, [0] * 6), (0, 0, 0), ()),
    ("continuous", bam([30] * 3, [30] * 6, [30] * 6), (90, 180, 180), ("use",)),
    ("continuous", bam([0, 0, 1], [5] * 6, [10] * 6), (1, 30, 60), ("use",)),
    ("continuous", bam([10, 4, 0], [30, 8, 15, 3, 2, 0], [0, 12, 30, 20, 30, 6]), (14, 58, 98), ("use",)),
    ("continuous", bam([None, 4, 0], [15] * 6, [15] * 6), (None, 90, 90), ()),
]


@pytest.mark.parametrize(("version", "given", "sums", "flags"), USES)
def test_the_bam_has_three_sums_and_never_a_total(
    version: str, given: list[int | None], sums: tuple[int | None, ...], flags: tuple[str, ...]
) -> None:
    named = {n: s for n, s in zip(("use", "risk", "protective"), sums, strict=True) if s is not None}
    assert score("bam", given, version=version) == Scored("bam", version, None, named, None, flags)


def test_the_bam_takes_item_7_in_its_seven_parts_and_finds_every_other_item_by_its_key() -> None:
    plain = bam([2, 2, 1], [2, 2, 3, 2, 2, 1], [2, 2, 1, 2, 2, 4])
    parted = [*plain[:6], *[4] * 7, *plain[7:]]
    assert len(parted) == 23
    assert score("bam", parted, version="likert") == score("bam", plain, version="likert")
    with pytest.raises(BadAnswers) as refused:
        score("bam", [*plain[:6], 0, 0, 5, 0, 0, 0, 9, *plain[7:]], version="likert")
    assert [problem.item for problem in refused.value.problems] == ["7C", "7G"]


def test_the_bam_is_not_scored_by_a_version_that_nobody_named() -> None:
    with pytest.raises(UnknownInstrument, match="likert and continuous"):
        score("bam", bam([0] * 3, [0] * 6, [0] * 6))


MEANS = [
    (edeq(0, 0, 0, 0), (0, 0, 0, 0), 0, ()),
    (edeq(6, 6, 6, 6, 6), (600, 600, 600, 600), 600, ("eating_disorder_track",)),
    # item 8 = 4 alone: shape 4/8 = 0.50, weight 4/5 = 0.80, global 1.30/4 = 0.325
    (edeq(0, 0, 0, 0, 4), (0, 0, 50, 80), 33, ()),
    # item 8 = 1: shape 1/8 = 0.125 and weight 0.20; global 0.325/4 = 0.08125
    (edeq(0, 0, 0, 0, 1), (0, 0, 13, 20), 8, ()),
    # 3, 1, (7*4+4)/8 = 4, (4*3+4)/5 = 3.2; global 11.2/4 = 2.80, the cut point itself
    (edeq(3, 1, 4, 3, 4), (300, 100, 400, 320), 280, ("eating_disorder_track",)),
    # 3, 1, (28+3)/8 = 3.875, (12+3)/5 = 3; global 10.875/4 = 2.71875
    (edeq(3, 1, 4, 3, 3), (300, 100, 388, 300), 272, ()),
    # without item 8 there is no shape, no weight and no global score
    (edeq(3, 1, 4, 3, None), (300, 100, None, None), None, ()),
]


@pytest.mark.parametrize(("given", "means", "total", "flags"), MEANS)
def test_the_ede_q_has_means_in_hundredths_and_no_global_score_without_all_four(
    given: list[int | None], means: tuple[int | None, ...], total: int | None, flags: tuple[str, ...]
) -> None:
    names = ("restraint", "eating", "shape", "weight")
    named = {n: m for n, m in zip(names, means, strict=True) if m is not None}
    assert score("edeq", given) == Scored("edeq", "6", total, named, None, flags)


def test_the_events_that_the_ede_q_counts_are_not_in_its_scores() -> None:
    given = edeq(3, 1, 4, 3, 4)
    counted = [28 if 13 <= number <= 18 else answer for number, answer in enumerate(given, 1)]
    left_out = [None if 13 <= number <= 18 else answer for number, answer in enumerate(given, 1)]
    assert score("edeq", counted) == score("edeq", left_out) == score("edeq", given)


def test_a_global_score_is_the_mean_of_exact_means_and_not_of_rounded_ones() -> None:
    # shape 3/8 = 0.375, weight 3/5 = 0.6: 0.975/4 = 0.24375; from the rounded 0.38 it would be 0.245, so 0.25
    scored = score("edeq", edeq(0, 0, 0, 0, 3))
    assert (scored.subscales["shape"], scored.total) == (38, 24)


REFUSED = [
    ("phq9", "11111111", "answers", "8 answers were given and 9 or 10 are asked for"),
    ("phq9", "0*11", "answers", "11 answers were given and 9 or 10 are asked for"),
    ("gad7", "", "answers", "0 answers were given and 7 are asked for"),
    ("bam", "0*16", "answers", "16 answers were given and 17 or 23 are asked for"),
    ("edeq", "0*27", "answers", "27 answers were given and 28 are asked for"),
    ("audit", "1*8 1 3", "9 10", "must be 0, 2 or 4"),
    ("audit", "0 - - - - - - - - -", "9 10", "was not answered"),
    ("audit", "1 - 0 0 0 0 0 0 0 0", "2", "was not answered"),
    ("audit_c", "0 - -", "2 3", "was not answered"),
    ("cows", "3 0 2 3 3 3 4 3 3 3 1", "1 3 4 5 6 7 8 9 10 11", "must be 0, 1, 2 or 4"),
    ("ciwa_ar", "8 0*8 5", "1 10", "must be from 0 to 7"),
    ("dast10", "0*9 2", "10", "must be yes or no"),
    ("pcl5", "0*19 5", "20", "must be from 0 to 4"),
    ("edeq", "7 0*27", "1", "must be from 0 to 6"),
    ("edeq", "-*12 0*6 -*10", "1 2 3 4 5 6 7 8 9 10 11 12 19 20 21 22 23 24 25 26 27 28", "was not answered"),
    ("phq9", "0*9 4", "10", "must be from 0 to 3"),
]


@pytest.mark.parametrize(("name", "written", "items", "why"), REFUSED)
def test_answers_that_cannot_be_scored_are_refused_by_name(
    name: str, written: str, items: str, why: str
) -> None:
    with pytest.raises(BadAnswers) as refused:
        score(name, answers(written), version="likert" if name == "bam" else None)
    assert [problem.item for problem in refused.value.problems] == items.split()
    assert refused.value.problems[0].why == why
    assert why in str(refused.value)


@pytest.mark.parametrize("strange", [True, 1.0, "1", "y", [1], 10**30])
def test_what_is_not_a_whole_number_is_no_answer(strange: object) -> None:
    with pytest.raises(BadAnswers) as refused:
        score("gad7", [strange, 1, 1, 1, 1, 1, 1])  # type: ignore[list-item]
    assert [problem.item for problem in refused.value.problems] == ["1"]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("PHQ-9", "phq9"),
        (" phq 9 ", "phq9"),
        ("GAD\u20117", "gad7"),
        ("AUDIT", "audit"),
        ("AUDIT-C", "audit_c"),
        ("auditc", "audit_c"),
        ("DAST-10", "dast10"),
        ("C-SSRS", "cssrs"),
        ("CIWA", "ciwa_ar"),
        ("CIWA-Ar", "ciwa_ar"),
        ("EDE-Q 6.0", "edeq"),
        ("PCL-5", "pcl5"),
        ("cows", "cows"),
        ("Bam", "bam"),
    ],
)
def test_a_name_is_known_however_it_is_written(written: str, name: str) -> None:
    assert instruments.canonical(written) == name
    assert instruments.find(written).name == name


@pytest.mark.parametrize("name", ["", "phq", "phq-2", "audit_d", "BDI-II", "phq9;"])
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownInstrument, match="phq9"):
        score(name, [0])


def test_an_unknown_version_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownInstrument, match="likert and continuous"):
        instruments.find("bam", "2")
    assert instruments.versions("bam") == ("likert", "continuous")
    assert instruments.find("bam").version == "likert"
