"""What kinds of people are drawn: profiles, and how often each thing is found in them."""

from __future__ import annotations

from dataclasses import dataclass

from spondyl.core.errors import InputError, NotFoundError, describe_unknown


@dataclass(frozen=True, slots=True)
class Profile:
    """What kind of people are drawn.

    Rates are shares of subjects unless said otherwise; what is measured on the built subject has the last word on a label.

    Attributes:
        name: For messages and records.
        grade_shift: Added to the mean Pfirrmann grade of every level.
        uniform: Draw grades evenly from 1 to 5 instead, and disease often: for training and tests, no claim of prevalence.
        four_lumbar, six_lumbar: Rates of transitional anatomy [O] (published: 8 to 19 % together).
        vertebrae: How many are modelled above the sacrum; 17 reach T1.
        women: Share of women.
        age_mean, age_sd, age_low, age_high: Ages in years: normal, clipped.
        age_slope: Pfirrmann grades gained in ten years of age.
        fracture, lesion, implant, foreign: Subjects with at least one of them. A fracture bends the mid-line, so the profiles that are
            older than fractures have none.
        scoliosis: Subjects with a Cobb angle of 10 degrees or more.
        cobb_low, cobb_high: The range of those angles.
        osteopenia, osteoporosis: Shares of the WHO classes of the spine; -1 takes BMD as in the population of that age and sex.
        spur: Size of all osteophytes relative to what grade and age give.
        spur_spread: How much that differs between people (SD of its logarithm), more with age.
        loss, ridge: Height loss of the discs, and reach of ridges into the foramina, the same.
        slip: Share of the slips that are kept.
        stenosis: "worn" follows grade and age alone; "rsna" is fitted to the labels of the RSNA 2024 set.
        film_grade: Draw the grade 0-4 of the film evenly, and the discs to match.
    """

    name: str
    grade_shift: float = 0.0
    uniform: bool = False
    four_lumbar: float = 0.06
    six_lumbar: float = 0.04
    vertebrae: int = 12
    women: float = 0.6
    age_mean: float = 52.0
    age_sd: float = 14.0
    age_low: float = 20.0
    age_high: float = 88.0
    age_slope: float = 0.25
    fracture: float = 0.0
    lesion: float = 0.01
    implant: float = 0.02
    foreign: float = 0.03
    scoliosis: float = 0.07
    cobb_low: float = 10.0
    cobb_high: float = 30.0
    osteopenia: float = -1.0
    osteoporosis: float = -1.0
    spur: float = 1.0
    spur_spread: float = 0.0
    loss: float = 1.0
    ridge: float = 1.0
    slip: float = 1.0
    stenosis: str = "worn"
    film_grade: bool = False

    def __post_init__(self) -> None:
        rates = ("four_lumbar", "six_lumbar", "women", "slip", "fracture", "lesion", "implant", "foreign", "scoliosis")
        wrong = [name for name in rates if not 0 <= getattr(self, name) <= 1]
        if not wrong and self.four_lumbar + self.six_lumbar > 1:
            wrong = ["four_lumbar", "six_lumbar"]
        if wrong:
            seen = ", ".join(f"{name} is {getattr(self, name)}" for name in wrong)
            raise InputError("phantom-profile-invalid", f"rates lie between 0 and 1, together too: {seen}", "give shares, 0.1 for a tenth")
        if not 7 <= self.vertebrae <= 17:
            raise InputError("phantom-profile-invalid", f"7 to 17 vertebrae can be modelled, got {self.vertebrae}", "17 reach T1")
        if (self.osteopenia < 0) != (self.osteoporosis < 0) or self.osteopenia + self.osteoporosis > 1:
            raise InputError("phantom-profile-invalid",
                             f"osteopenia {self.osteopenia} and osteoporosis {self.osteoporosis} are given together, and sum to 1 at most",
                             "the rest is normal; -1 for both takes the population's BMD")
        if self.stenosis not in ("worn", "rsna"):
            raise InputError("phantom-profile-invalid", f"stenosis is 'worn' or 'rsna', got {self.stenosis!r}")


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("symptomatic"),
        Profile("healthy", grade_shift=-1.4, implant=0.0, scoliosis=0.02),
        Profile("uniform", uniform=True, lesion=0.1, implant=0.1, foreign=0.1, scoliosis=0.2),
        Profile("transitional", four_lumbar=0.5, six_lumbar=0.5),
        Profile("rsna", fracture=0.02, age_mean=58.0, age_slope=0.25, stenosis="rsna"),
        Profile("vindr", grade_shift=-1.3, age_mean=50.0, age_sd=15.0, age_slope=0.3, fracture=0.045, lesion=0.01, implant=0.033,
                foreign=0.01, scoliosis=0.05, spur=0.9, spur_spread=0.6, loss=0.8, ridge=1.8, slip=0.7),
        Profile("dxa", grade_shift=-0.4, women=0.85, age_mean=66.0, age_sd=9.0, age_low=50.0, age_high=90.0, age_slope=0.25, fracture=0.12,
                osteopenia=0.36, osteoporosis=0.24),
        Profile("grades", age_mean=55.0, film_grade=True, implant=0.0),
        Profile("scoliosis", grade_shift=-1.6, vertebrae=17, four_lumbar=0.0, six_lumbar=0.0, women=0.8, age_mean=24.0, age_sd=14.0,
                age_low=10.0, age_high=75.0, age_slope=0.3, implant=0.0, scoliosis=0.85, cobb_low=10.0, cobb_high=70.0),
    )
}


def profile_named(name: str) -> Profile:
    """The profile of that name.

    Raises:
        NotFoundError: If there is none; the sentence offers the nearest one.
    """
    if name not in PROFILES:
        raise NotFoundError("unknown-profile", describe_unknown("profile", name, PROFILES))
    return PROFILES[name]
