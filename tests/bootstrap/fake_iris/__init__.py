"""A fake `iris` command, for tests on machines without a licence."""

from tests.bootstrap.fake_iris.instance import FakeIris as FakeIris
