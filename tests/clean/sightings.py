"""Found events against planted ones."""

from tests.clean.closed_loop import BLINKS, CLOSURES

SLACK_FRAMES = 1  # MediaPipe sees a fast lid or lip a frame late


def assert_blinks_are_those_planted(found) -> None:
    both = [blink for blink in found if blink.eye == "both"]
    spans = [(start, start + shutting + held + opening) for start, shutting, held, opening in BLINKS]
    missed = [span for span in spans if not any(span[0] <= blink.deepest <= span[1] + 1 for blink in both)]
    invented = [blink for blink in both if not any(span[0] <= blink.deepest <= span[1] + 1 for span in spans)]
    assert not missed and not invented and len(both) == len(BLINKS), (missed, invented)


def assert_closures_are_those_planted(found) -> None:
    spans = [(start + shutting, start + shutting + held) for start, shutting, held, _ in CLOSURES]
    overlap = lambda closure, span: closure.first - SLACK_FRAMES <= span[1] and span[0] <= closure.last + SLACK_FRAMES
    missed = [span for span in spans if not any(overlap(closure, span) for closure in found)]
    invented = [closure for closure in found if not any(overlap(closure, span) for span in spans)]
    assert not missed and not invented and len(found) == len(CLOSURES), (missed, invented)
