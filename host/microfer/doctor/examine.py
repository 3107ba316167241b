"""The whole examination, from this computer to the light before the camera. It always ends."""

from microfer.doctor.board import examine_board
from microfer.doctor.finding import Finding, Group, Outcome
from microfer.doctor.installation import examine_installation
from microfer.doctor.light import examine_light
from microfer.doctor.observation import Note, observe
from microfer.doctor.port import check_permission, choose_port, open_connection
from microfer.errors import MicroferError
from microfer.link.connection import Connection
from microfer.link.ports import DEFAULT_BAUD, find_ports

RETURN_WITHIN_S = 10.0
"""How long a board that is lost meanwhile is waited for."""

_say = Group("board")


def examine(
    port: str | None = None,
    baud: int = DEFAULT_BAUD,
    *,
    seconds: float = 5.0,
    look: bool = False,
    note: Note = lambda text: None,
) -> list[Finding]:
    """Return the findings about this computer, the port, and the board on it, in the order of looking.

    port: None takes the one board that USB shows. seconds: for how long the board is watched. look: ask it for crops.
    note: told what happens, before something that takes time or moves pixels.
    """
    chosen, findings = choose_port(port, find_ports())
    findings = [*examine_installation(), *findings]
    if chosen is None:
        return [*findings, _say.skipped("answers", "there is no board to check")]
    findings.append(check_permission(chosen))
    if findings[-1].outcome != Outcome.PROBLEM:
        findings += _examine_port(Connection(chosen, baud, give_up_after_s=RETURN_WITHIN_S), seconds, look, note)
    if findings[-1].group == "port":
        findings.append(_say.skipped("answers", f"{chosen} cannot be opened"))
    return findings


def _examine_port(connection: Connection, seconds: float, look: bool, note: Note) -> list[Finding]:
    opened = open_connection(connection)
    if opened.outcome == Outcome.PROBLEM:
        return [opened]
    note(f"watching the board on {connection.port} for {seconds:g} s")
    try:
        seen = observe(connection, seconds, look=look, note=note)
    except MicroferError as error:
        return [opened, _say.problem("answers", str(error), "try another cable and port, then run this again")]
    finally:
        connection.close()
    findings = [opened, *examine_board(seen)]
    return findings if seen.hello is None else [*findings, *examine_light(seen, look)]
