//! The weak model where it is good enough, the strong one where it is not.

#![expect(clippy::float_arithmetic, reason = "quality and chance, never money")]

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::routing::answer::{AnswerSigns, Judge};
use crate::routing::difficulty::Difficulty;
use crate::routing::{
    Audit, Choice, Escalation, Observation, Plan, QualityFloor, Rated, Rater, RequestFacts, Review, Reviewed,
    RoutingPolicy, Shortlist, Strength, Threshold,
};
use crate::types::Stakes;

/// Asks the first target of the route where that is good enough, and the others, stronger and dearer, where it is not.
///
/// 1. From the prompt alone, a [`Difficulty`] foretells what a strong model would gain. Above the threshold a strong one is
///    asked at once.
/// 2. The weak model's answer is read before the caller gets it: refused, broken off, empty, not in the form asked for, with
///    a sum that does not come out, or in doubt of itself, it goes on to a strong one. With a [`Judge`], trained on your own traffic, its
///    forecast counts instead of the prompt's alone. Both answers are on the bill.
/// 3. The threshold follows from ratings: [`Client::feedback`](crate::Client::feedback), and audits, in which the strong
///    model grades a sample of the weak one's answers in the background. It is set so that the [`QualityFloor`] holds with
///    confidence. As long as there are too few ratings, the strong model answers everything, and audits are four times as
///    many. Callers rate only what they were given: ratings count as much as the calls they stand for, by the gain that was
///    foreseen. A grade of an audit is measured against perfection, a caller's rating against what callers said of the strong
///    model on prompts alike while it answered everything; without fifty such, against perfection too.
///
/// Calls with high [`Stakes`] go to a strong model. Only when each has failed or is out of use the weak one answers them,
/// and is read. An answer of the weak model that is streamed is read too, so it comes in one burst when it is complete; where
/// the strong model is asked at once it streams as usual.
///
/// Learned in this process and forgotten with it; [`observations`](Self::observations) can be kept and given to
/// [`calibrated`](Self::calibrated) of the next.
///
/// ```
/// use polyroute::Route;
/// use polyroute::routing::QualityFloor;
/// use polyroute::routing::policy::Cascade;
///
/// let policy = Cascade::new(QualityFloor::new(0.97)?).audit_share(0.02);
/// let route = Route::with_policy(policy, ["groq/openai/gpt-oss-20b", "openai/gpt-6.1-terra"]);
/// # let _ = route;
/// # Ok::<(), polyroute::Error>(())
/// ```
pub struct Cascade {
    difficulty: Option<Arc<Difficulty>>,
    judge: Option<Arc<Judge>>,
    floor: QualityFloor,
    audit_share: f64,
    fixed: Option<Threshold>,
    learned: Mutex<Learned>,
}

struct Learned {
    /// The newest ratings of the weak model.
    observations: VecDeque<Observation>,
    /// Foreseen gain and rating of answers of the strong model, while it answered everything: later it is asked what is hard.
    strong: Vec<(f64, f64)>,
    /// The gains foreseen for the newest calls.
    gains: VecDeque<f64>,
    threshold: Threshold,
}

impl Cascade {
    /// Keeps `floor`, with the shipped prior and audits of one call in twenty.
    pub fn new(floor: QualityFloor) -> Self {
        let learned = Learned {
            observations: VecDeque::new(),
            strong: Vec::new(),
            gains: VecDeque::new(),
            threshold: Threshold::STRONG,
        };
        Self {
            difficulty: None,
            judge: None,
            floor,
            audit_share: 0.05,
            fixed: None,
            learned: Mutex::new(learned),
        }
    }

    /// Foretells with a model of your own instead of the shipped prior.
    #[must_use]
    pub fn difficulty(mut self, difficulty: Difficulty) -> Self {
        self.difficulty = Some(Arc::new(difficulty));
        self
    }

    /// Judges the weak model's answers with a model of your own. Everything then goes to the weak model first, once the
    /// floor is known to be within reach.
    #[must_use]
    pub fn judge(mut self, judge: Judge) -> Self {
        self.judge = Some(Arc::new(judge));
        self
    }

    /// The share of calls that are audited, from 0 to 1; what is no number changes nothing. Audits cost: the strong model
    /// reads prompt and answer, and where it answered itself, the weak model is asked as well.
    #[must_use]
    pub fn audit_share(mut self, share: f64) -> Self {
        if !share.is_nan() {
            self.audit_share = share.clamp(0.0, 1.0);
        }
        self
    }

    /// Always this threshold, whatever the ratings say: the floor is then not watched.
    #[must_use]
    pub fn fixed(mut self, threshold: Threshold) -> Self {
        self.fixed = Some(threshold);
        self
    }

    /// Begins with these observations; of more than two thousand the last ones.
    #[must_use]
    pub fn calibrated(self, observations: impl IntoIterator<Item = Observation>) -> Self {
        {
            let mut learned = self.learned();
            for observation in observations {
                learned.remember(observation);
            }
            learned.threshold = self.floor.threshold(learned.observations.make_contiguous());
        }
        self
    }

    /// What has been observed, oldest first; at most two thousand.
    pub fn observations(&self) -> Vec<Observation> {
        self.learned().observations.iter().copied().collect()
    }

    /// From which gain on the strong model is asked now.
    pub fn threshold(&self) -> Threshold {
        self.fixed.unwrap_or_else(|| self.learned().threshold)
    }

    fn model(&self) -> &Difficulty {
        self.difficulty.as_deref().unwrap_or_else(|| Difficulty::shipped())
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is the weak model asked first? With the reason for either.
    fn weak_first(&self, facts: &RequestFacts) -> (bool, &'static str) {
        let threshold = self.threshold();
        if facts.stakes == Stakes::High {
            (false, "the stakes are high")
        } else if threshold == Threshold::STRONG {
            (false, "not enough is known yet to trust the weak model")
        } else if self.judge.is_some() {
            (true, "the weak model's answer will be judged")
        } else if facts.gain.is_none_or(|gain| threshold.asks_strong(gain)) {
            (false, "the strong model gains much")
        } else {
            (true, "the strong model gains little")
        }
    }
}

impl RoutingPolicy for Cascade {
    fn name(&self) -> &'static str {
        "cascade"
    }

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        let (weak_first, reason) = self.weak_first(facts);
        let weak = shortlist.positions().find(|position| *position == WEAK).map(|position| {
            if weak_first {
                Choice::new(position, reason).reviewed()
            } else {
                Choice::new(position, "should every strong model fail").reviewed().last_resort()
            }
        });
        let others = shortlist.positions().filter(|position| *position != WEAK).enumerate();
        let strong = others.map(|(place, position)| {
            let stands = match (place, weak_first) {
                (0, false) => reason,
                (0, true) => "should the answer not do",
                _ => "next in order",
            };
            Choice::new(position, stands)
        });
        let scored = |choice: Choice| match facts.gain {
            Some(gain) => choice.scored(gain),
            None => choice,
        };
        let first = weak.clone().filter(|_| weak_first);
        // A place is kept for the weak model where it is the last resort.
        let last = weak.filter(|_| !weak_first);
        let most = facts.max_targets.max(1) - usize::from(last.is_some() && shortlist.len() > 1);
        Plan::new(
            first
                .into_iter()
                .chain(strong)
                .take(most.max(1))
                .chain(last)
                .take(facts.max_targets.max(1))
                .map(scored),
        )
    }

    fn escalation(&self) -> Option<&dyn Escalation> {
        Some(self)
    }
}

impl Escalation for Cascade {
    fn gain(&self, prompt: &str) -> f64 {
        self.model().forecast(prompt).gain()
    }

    fn review(&self, answer: &Reviewed<'_>) -> Review {
        let signs = AnswerSigns::of(answer.prompt, answer.answer, answer.ending, answer.invalid);
        let gain = match &self.judge {
            Some(judge) => Some(judge.forecast(answer.prompt, &signs).gain()),
            None => answer.gain,
        };
        if let Some(fault) = signs.plain_fault() {
            return Review::escalate(fault, gain);
        }
        match &self.judge {
            Some(_) if gain.is_none_or(|gain| self.threshold().asks_strong(gain)) => {
                Review::escalate("the strong model gains much over this answer", gain)
            }
            Some(_) => Review::good(gain),
            None if signs.wrong_equations > 0 => Review::escalate("a sum in the answer is wrong", gain),
            None if signs.doubtful => Review::escalate("the answer doubts itself", gain),
            None => Review::good(gain),
        }
    }

    fn audits(&self, facts: &RequestFacts) -> Audit {
        let ignorant = {
            let mut learned = self.learned();
            learned.gains.extend(facts.gain.filter(|gain| !gain.is_nan()));
            let surplus = learned.gains.len().saturating_sub(MOST_OBSERVATIONS);
            learned.gains.drain(..surplus);
            self.fixed.is_none() && learned.threshold == Threshold::STRONG
        };
        let share = if ignorant { (self.audit_share * 4.0).min(1.0) } else { self.audit_share };
        // Other bits of the same chance than those policies begin with.
        let drawn = facts.chance.rotate_left(29).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
        if (drawn as f64) < share * (1_u64 << 53) as f64 { Audit::Yes } else { Audit::No }
    }

    fn rated(&self, rated: &Rated) {
        if rated.score.is_nan() {
            return;
        }
        let Some(gain) = rated.gain.filter(|gain| !gain.is_nan()) else { return };
        let mut learned = self.learned();
        match rated.by {
            Strength::Strong => learned.remember_strong(gain, rated.score),
            Strength::Weak => {
                let strong = match rated.rater {
                    Rater::Audit => 1.0,
                    Rater::Caller => learned.strong_quality(gain),
                };
                learned.remember(Observation::new(gain, strong, rated.score));
                learned.settle(self.floor);
            }
        }
    }
}

impl Learned {
    fn remember(&mut self, observation: Observation) {
        if self.observations.len() >= MOST_OBSERVATIONS {
            self.observations.pop_front();
        }
        self.observations.push_back(observation);
    }

    fn remember_strong(&mut self, gain: f64, score: f64) {
        if self.threshold == Threshold::STRONG && self.strong.len() < MOST_OBSERVATIONS {
            self.strong.push((gain, score.clamp(0.0, 1.0)));
        }
    }

    /// What the weak model is measured against where this gain is foreseen: the strong one's mean rating on the fifty
    /// prompts that are most like it, perfection where there are none.
    fn strong_quality(&self, gain: f64) -> f64 {
        let mut alike: Vec<(f64, f64)> =
            self.strong.iter().map(|(own, score)| ((own - gain).abs(), *score)).collect();
        if alike.len() < ALIKE {
            return 1.0;
        }
        alike.select_nth_unstable_by(ALIKE - 1, |(one, _), (other, _)| one.total_cmp(other));
        alike.iter().take(ALIKE).map(|(_, score)| score).sum::<f64>() / ALIKE as f64
    }

    fn settle(&mut self, floor: QualityFloor) {
        let gains = self.gains.make_contiguous();
        self.threshold = floor.threshold_for(self.observations.make_contiguous(), gains);
    }
}

impl fmt::Debug for Cascade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cascade")
            .field("floor", &self.floor)
            .field("threshold", &self.threshold())
            .field("observations", &self.learned().observations.len())
            .finish_non_exhaustive()
    }
}

/// The weak model's position in the route.
const WEAK: usize = 0;
const MOST_OBSERVATIONS: usize = 2_000;
/// A mean of fewer ratings says little.
const ALIKE: usize = 50;

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::routing::{Candidate, Candidates, NothingKnown};
    use crate::types::Target;

    fn candidates() -> Candidates {
        let names = ["lab/weak", "lab/strong", "lab/other"];
        Candidates::new(names.map(|name| Candidate::new(name.parse::<Target>().unwrap(), None)))
    }

    fn order(policy: &Cascade, gain: Option<f64>, stakes: Stakes) -> Vec<usize> {
        let mut facts = RequestFacts::new(10, SystemTime::UNIX_EPOCH);
        facts.gain = gain;
        facts.stakes = stakes;
        let candidates = candidates();
        let plan = policy.plan(&facts, &Shortlist::all(&candidates, &NothingKnown));
        plan.choices.iter().map(|choice| choice.candidate).collect()
    }

    fn floor() -> QualityFloor {
        QualityFloor::new(0.95).unwrap()
    }

    /// The weak model fails where a gain of half was foreseen, and never where a tenth was.
    fn telling() -> Vec<Observation> {
        (0..200)
            .map(
                |n| {
                    if n % 2 == 0 { Observation::new(0.5, 1.0, 0.0) } else { Observation::new(0.1, 1.0, 1.0) }
                },
            )
            .collect()
    }

    #[test]
    fn a_beginner_asks_the_strong_model_and_keeps_the_weak_one_in_reserve() {
        let policy = Cascade::new(floor());

        assert_eq!(order(&policy, Some(-1.0), Stakes::Normal), [1, 2, 0]);
    }

    #[test]
    fn ratings_open_the_way_to_the_weak_model_where_it_is_good_enough() {
        let policy = Cascade::new(floor());

        for observation in telling() {
            policy.rated(&Rated::new(Some(observation.gain), Strength::Weak, observation.weak));
        }

        assert_eq!(order(&policy, Some(0.1), Stakes::Normal), [0, 1, 2]);
        assert_eq!(order(&policy, Some(0.5), Stakes::Normal), [1, 2, 0]);
        assert_eq!(order(&policy, Some(0.1), Stakes::High), [1, 2, 0]);
        assert_eq!(order(&policy, None, Stakes::Normal), [1, 2, 0]);
        let next = Cascade::new(floor()).calibrated(policy.observations());
        assert_eq!(next.threshold(), policy.threshold());
    }

    /// Callers rate a fifth of what they get; a third of the prompts is hard, and half of what even the strong model says of
    /// those is wrong. What the weak model may answer must not be judged by who was asked what.
    #[test]
    fn the_floor_holds_although_callers_rate_only_what_they_were_given() {
        for (hard_share, strong_hard, weak_hard) in [(0.3, 0.7, 0.3), (0.5, 0.6, 0.2)] {
            let policy = Cascade::new(floor());
            let mut chance = fastrand::Rng::with_seed(7);
            let (mut kept, mut possible, mut weak_answers) = (0.0, 0.0, 0);
            for call in 0..6_000 {
                let is_hard = chance.f64() < hard_share;
                let gain = if is_hard { 0.3 } else { 0.0 } + chance.f64() * 0.2;
                let (strong, weak) = if is_hard { (strong_hard, weak_hard) } else { (1.0, 1.0) };
                let mut facts = RequestFacts::new(10, SystemTime::UNIX_EPOCH);
                facts.gain = Some(gain);
                facts.chance = chance.u64(..);
                let asks_strong = policy.threshold().asks_strong(gain);
                let (by, quality) =
                    if asks_strong { (Strength::Strong, strong) } else { (Strength::Weak, weak) };
                if policy.audits(&facts) == Audit::Yes {
                    let score = f64::from(u8::from(chance.f64() < weak));
                    policy.rated(&Rated::new(Some(gain), Strength::Weak, score).audited());
                }
                if chance.f64() < 0.2 {
                    let score = f64::from(u8::from(chance.f64() < quality));
                    policy.rated(&Rated::new(Some(gain), by, score));
                }
                if call >= 3_000 {
                    kept += quality;
                    possible += strong;
                    weak_answers += u32::from(!asks_strong);
                }
            }
            let realised = kept / possible;
            assert!(realised >= 0.945, "{hard_share}: {realised}");
            assert!(f64::from(weak_answers) > 900.0 * (1.0 - hard_share), "{hard_share}: {weak_answers}");
        }
    }

    #[test]
    fn bad_ratings_close_it_again() {
        let policy = Cascade::new(floor()).calibrated(telling());

        for _ in 0..100 {
            policy.rated(&Rated::new(Some(0.1), Strength::Weak, 0.0));
        }

        assert_eq!(policy.threshold(), Threshold::STRONG);
        assert!(policy.observations().len() <= MOST_OBSERVATIONS);
    }

    #[test]
    fn plain_faults_and_wrong_sums_escalate_without_any_calibration() {
        let policy = Cascade::new(floor()).fixed(Threshold::new(f64::INFINITY));
        let escalates = |answer: &str| policy.review(&Reviewed::new("How many?", answer)).escalate.is_some();

        assert!(escalates("") && escalates("I'm sorry, but I can't.") && escalates("2 + 2 = 5"));
        assert!(escalates("I don't know.") && !escalates("However, it is probably four."));
        assert!(!escalates("2 + 2 = 4") && !escalates("Four."));
    }

    #[test]
    fn about_as_many_calls_are_audited_as_was_said_and_four_times_as_many_in_the_beginning() {
        let audited = |policy: &Cascade| {
            let mut facts = RequestFacts::new(10, SystemTime::UNIX_EPOCH);
            let mut random = fastrand::Rng::with_seed(1);
            (0..10_000)
                .filter(|_| {
                    facts.chance = random.u64(..);
                    policy.audits(&facts) == Audit::Yes
                })
                .count()
        };

        let beginner = audited(&Cascade::new(floor()));
        let learned = audited(&Cascade::new(floor()).calibrated(telling()));

        assert!((1_800..2_200).contains(&beginner) && (400..600).contains(&learned), "{beginner} {learned}");
        assert_eq!(audited(&Cascade::new(floor()).audit_share(0.0)), 0);
        assert_eq!(audited(&Cascade::new(floor()).audit_share(1.0)), 10_000);
    }

    #[test]
    fn scores_that_are_no_numbers_teach_nothing() {
        let policy = Cascade::new(floor());

        policy.rated(&Rated::new(Some(0.1), Strength::Weak, f64::NAN));
        policy.rated(&Rated::new(None, Strength::Weak, 1.0));
        policy.rated(&Rated::new(None, Strength::Strong, f64::NAN));

        assert!(policy.observations().is_empty());
    }
}
