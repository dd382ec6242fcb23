from hypothesis import given
from hypothesis import strategies as st

from providerkit.values import UNKNOWN, Properties, from_struct, to_struct

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
OUTPUT = {"4dabf18193072939515e22adb298388d": "d0e6a833031e9bbcd3f4e8bde6ca49a4"}

numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda number: not number.is_integer()
)
leaves = st.booleans() | numbers | st.text(max_size=8)
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
names = st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=1, max_size=5)


@given(st.dictionaries(names, json_values, max_size=5), st.sets(names), st.sets(names))
def test_properties_survive_the_wire(values: dict[str, object], secret: set[str], unknown: set[str]) -> None:
    known = {key: value for key, value in values.items() if key not in unknown}
    sealed = frozenset(secret) & (known.keys() | unknown)
    properties = Properties(known, sealed, frozenset(unknown))
    assert from_struct(to_struct(properties)) == properties


def test_a_secret_deep_inside_makes_the_whole_property_secret() -> None:
    wire = to_struct(Properties({"outer": [{"inner": {**SECRET, "value": "deep"}}]}))
    properties = from_struct(wire)
    assert properties.values == {"outer": [{"inner": "deep"}]}
    assert properties.secret == {"outer"}


def test_an_unknown_deep_inside_makes_the_whole_property_unknown() -> None:
    properties = from_struct(to_struct(Properties({"outer": ["known", {"inner": UNKNOWN}], "other": 1})))
    assert properties.unknown == {"outer"}
    assert properties.values == {"other": 1}


def test_output_values_are_understood() -> None:
    wire = to_struct(
        Properties(
            {
                "plain": {**OUTPUT, "value": 5},
                "secret": {**OUTPUT, "value": "x", "secret": True},
                "unknown": dict(OUTPUT),
            }
        )
    )
    properties = from_struct(wire)
    assert properties.values == {"plain": 5, "secret": "x"}
    assert properties.secret == {"secret"}
    assert properties.unknown == {"unknown"}


def test_a_representation_hides_secrets() -> None:
    assert "hunter2" not in repr(Properties({"password": "hunter2", "user": "me"}, frozenset({"password"})))
