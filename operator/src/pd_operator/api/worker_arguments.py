"""Arguments of the engine that do not go together, or not with another field of the spec.

A worker's command line is `engine.args` and after them those of its pool. The rules are the
apiserver's, as CEL; `arguments_fault` says the same of an object that comes another way.
"""

from typing import TYPE_CHECKING

from pd_operator.api.arguments import Spellings
from pd_operator.api.autoscaling import RoleFlips
from pd_operator.api.roles import Role

if TYPE_CHECKING:
    from pd_operator.api.spec import PDInferenceServiceSpec

_OLD_SPELLING = Spellings(("--enable-dp-attention",))
_NEW_SPELLING = Spellings(("--attn-dp-size", "--attention-data-parallel-size"))
_TWO_SPELLINGS = (
    "args: --attn-dp-size stands for --enable-dp-attention with --dp-size; given both, SGLang "
    "takes --dp-size for ranks with GPUs of their own"
)

_ADMIN_KEY = Spellings(("--admin-api-key",))
_FLIPS_WITHOUT_KEY = (
    "args: --admin-api-key cannot be given with autoscaling.roleFlips Enabled: the operator has "
    "no key, and an engine with one refuses to change its role"
)


def _somewhere(flags: Spellings, role: Role) -> str:
    return f"({flags.among('self.engine.args')} || {flags.among(f'self.{role.value}.args')})"


WORKER_ARGUMENT_RULES: tuple[dict[str, str], ...] = tuple(
    {"rule": rule, "message": message, "fieldPath": f".{role.value}"}
    for role in Role
    for rule, message in (
        (
            f"!({_somewhere(_OLD_SPELLING, role)} && {_somewhere(_NEW_SPELLING, role)})",
            _TWO_SPELLINGS,
        ),
        (
            f"self.autoscaling.roleFlips == 'Disabled' || !{_somewhere(_ADMIN_KEY, role)}",
            _FLIPS_WITHOUT_KEY,
        ),
    )
)
"""For the object `spec`."""


def arguments_fault(spec: "PDInferenceServiceSpec") -> str | None:
    """What is wrong with the arguments of a spec's workers, None where nothing is."""
    for role in Role:
        args = (*spec.engine.args, *spec.pool(role).args)
        if _OLD_SPELLING.found_in(args) and _NEW_SPELLING.found_in(args):
            return _TWO_SPELLINGS
        if spec.autoscaling.role_flips is RoleFlips.ENABLED and _ADMIN_KEY.found_in(args):
            return _FLIPS_WITHOUT_KEY
    return None
