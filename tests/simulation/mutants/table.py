"""Every mutant, and the seed at which the search for its first fault begins: rare faults are met late."""

from tests.simulation.mutants import claims, notifying
from tests.simulation.system import System

MUTANTS: dict[type[System], int] = {
    claims.NoConditionOnTheClaim: 0,
    claims.GetThenSet: 0,
    claims.RungComparedWithLessOrEqual: 0,
    claims.RungNotCompared: 0,
    claims.NoOutbox: 0,
    claims.DedupeKeyWithoutEntityType: 0,
    claims.DedupeKeyWithoutGateway: 0,
    claims.DedupeKeyWithPeriod: 0,
    claims.RememberingBeforeSafe: 0,
    claims.MemoryWithoutRung: 0,
    claims.OutboxClearedBeforeSending: 0,
    claims.SweepClearsWithoutSending: 0,
    claims.NoSweep: 0,
    claims.PartialFailuresForgotten: 0,
    notifying.WholeBatchAcknowledged: 0,
    notifying.WholeBatchReturned: 0,
    notifying.NothingNoted: 0,
    notifying.AskedBeforeTheGate: 0,
    notifying.SoughtSinceTheBatch: 0,
    notifying.MarkedBeforeSent: 0,
    notifying.NotedBeforePosted: 0,
    notifying.RetryAfterIgnored: 0,
    notifying.GateOfEachContainer: 0,
    notifying.DivertedWithoutTheGate: 440,
    notifying.AnyAnswerIsSuccess: 0,
    notifying.TooManyToName: 0,
    notifying.DeadLettersDropped: 300,
}
