from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.data.endpoints import (
    ActionEndpoint,
    Endpoints,
    FileBrokerOptions,
    InMemoryTrackerStore,
    NlgEndpoint,
    OwnBrokerOptions,
    PikaBrokerOptions,
    SqlTrackerStore,
    read_endpoints,
)
from gossamer.data.errors import ConfigError

URL = "http://localhost:5055/webhook"


def written(folder: Path, text: str) -> Path:
    path = folder / "endpoints.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_url_is_enough(tmp_path: Path) -> None:
    found = read_endpoints(written(tmp_path, f"action_endpoint:\n  url: {URL}\n"))
    assert found == Endpoints(action=ActionEndpoint(url=URL))
    assert isinstance(found.action, ActionEndpoint) and found.action.timeout == 10.0


def test_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTION_TOKEN", "s3cret")
    (tmp_path / "ca.pem").write_text("")
    text = f"""\
action_endpoint:
  url: https://actions.example:8443/webhook
  headers: {{X-Key: abc, X-Number: 1}}
  params: {{shop: 7}}
  token: ${{ACTION_TOKEN}}
  token_name: key
  basic_auth: {{username: ann, password: pass}}
  cafile: {tmp_path / "ca.pem"}
  timeout: 2.5
  enable_selective_domain: true
"""
    assert read_endpoints(written(tmp_path, text)).action == ActionEndpoint(
        url="https://actions.example:8443/webhook",
        headers={"X-Key": "abc", "X-Number": "1"},
        params={"shop": "7"},
        token="s3cret",
        token_name="key",
        basic_auth=("ann", "pass"),
        cafile=tmp_path / "ca.pem",
        timeout=2.5,
        is_domain_selective=True,
    )


def test_secrets_are_not_shown() -> None:
    endpoint = ActionEndpoint(
        url=URL, token="s3cret", basic_auth=("ann", "pass"), headers={"X": "abc"}
    )
    assert all(word not in repr(endpoint) for word in ("s3cret", "pass", "abc"))


@pytest.mark.parametrize("text", ["", "# nothing\n", "action_endpoint:\n", "---\n"])
def test_no_action_server(tmp_path: Path, text: str) -> None:
    assert read_endpoints(written(tmp_path, text)).action is None


def test_keys_that_are_not_used_are_told_in_one_warning(tmp_path: Path) -> None:
    text = f"nlu: {{url: x}}\nsomething: 1\naction_endpoint: {{url: '{URL}'}}\n"
    with pytest.warns(UserWarning) as caught:
        found = read_endpoints(written(tmp_path, text))
    assert [str(w.message) for w in caught] == [
        f"{tmp_path / 'endpoints.yml'}: not used by Gossamer: nlu, something"
    ]
    assert found.action is not None


def test_only_some_keys(tmp_path: Path) -> None:
    text = f"tracker_store: {{type: redis}}\nmodels: {{url: x}}\nnlg: {{url: '{URL}'}}\n"
    found = read_endpoints(written(tmp_path, text), only=("nlg", "action_endpoint"))
    assert found == Endpoints(nlg=NlgEndpoint(url=URL))


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        ("- a", 1, "endpoints must be a mapping"),
        ("action_endpoint: http://x", 1, "'action_endpoint' must be a mapping"),
        ("action_endpoint: {token: x}", 1, "needs a url"),
        ("action_endpoint: {url: }", 1, "needs a url"),
        ("action_endpoint:\n  url: localhost:5055", 2, "must begin with http:// or https://"),
        ("action_endpoint:\n  url: ftp://x/webhook", 2, "must begin with http:// or https://"),
        ("action_endpoint:\n  url: http:///webhook", 2, "name a host"),
        ("action_endpoint:\n  url: http://x:port/", 2, "must begin with http"),
        ("action_endpoint:\n  url: http://x:99999/", 2, "must begin with http"),
        ("action_endpoint:\n  url: http://[x/", 2, "must begin with http"),
        ("action_endpoint:\n  url: [a]", 2, "'url' must be a text"),
        ("action_endpoint:\n  url: http://x/a b", 2, "must be ASCII without blanks"),
        ("action_endpoint:\n  url: http://x/é", 2, "must be ASCII without blanks"),
        ('action_endpoint:\n  url: "http://x/\\n"', 2, "must be ASCII without blanks"),
        ("action_endpoint:\n  url: http://x\n  headers: {a b: c}", 2, "a header must have a name"),
        ('action_endpoint:\n  url: http://x\n  headers: {a: "b\\nc"}', 2, "one line of Latin-1"),
        ("action_endpoint:\n  url: http://x\n  headers: {a: Ω}", 2, "one line of Latin-1"),
        ("action_endpoint:\n  url: http://x\n  timeot: 3", 3, "has the keys"),
        ("action_endpoint:\n  url: http://x\n  timeout: soon", 3, "'timeout' must be a number"),
        ("action_endpoint:\n  url: http://x\n  timeout: true", 3, "'timeout' must be a number"),
        ("action_endpoint:\n  url: http://x\n  timeout: 0", 2, "number of seconds above 0"),
        ("action_endpoint:\n  url: http://x\n  timeout: .inf", 2, "number of seconds above 0"),
        ("action_endpoint:\n  url: http://x\n  headers: a", 3, "must be a mapping of texts"),
        ("action_endpoint:\n  url: http://x\n  headers: {a: [1]}", 3, "'a' must be a text"),
        ("action_endpoint:\n  url: http://x\n  basic_auth: {username: a}", 3, "must have the keys"),
        ("action_endpoint:\n  url: http://x\n  cafile: none.pem", 3, "must name a file"),
        ("action_endpoint:\n  url: http://x\n  enable_selective_domain: 1", 3, "true or false"),
        ("action_endpoint: {url: http://x", 1, "must be well-formed"),
    ],
)
def test_faults(tmp_path: Path, text: str, line: int, fault: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=fault) as caught:
        read_endpoints(path)
    assert caught.value.where is not None
    assert (caught.value.where.path, caught.value.where.line) == (path, line)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="endpoints must be a file"):
        read_endpoints(tmp_path / "endpoints.yml")


SQL = "tracker_store:\n  type: SQL\n"
PIKA = "event_broker:\n  type: pika\n  username: a\n  password: b\n"


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        ("tracker_store: SQL", 1, "'tracker_store' must be a mapping.*Try: type: SQL"),
        ("tracker_store:\n  dialect: sqlite", 2, "needs a type.*Try: type: SQL"),
        ("tracker_store:\n  type: SQLL", 2, "must be SQL or InMemory.*Try: type: SQL$"),
        ("tracker_store:\n  type: x", 2, "must be SQL or InMemory.*(?s:.*)dialect: postgresql"),
        ("tracker_store:\n  type: redis", 2, r"in Redis.*\(got 'redis'\)(?s:.*)type: SQL"),
        ("tracker_store:\n  type: mongod\n  url: x", 2, "in MongoDB"),
        ("tracker_store:\n  type: dynamo", 2, "in DynamoDB"),
        ("tracker_store:\n  type: my.Store", 2, "cannot be a class of one's own"),
        (SQL + "  dialct: sqlite", 3, "has the keys type.*Try: 'dialect'"),
        (SQL + "  dialect: mysql", 2, "must be sqlite or postgresql"),
        (SQL + "  username: a", 2, "must have no 'username'"),
        (SQL + "  url: localhost", 2, "must have no 'url'"),
        (SQL + "  dialect: postgresql\n  port: x", 4, "'port' must be a number from 1 to 65535"),
        (SQL + "  dialect: postgresql\n  port: 65536", 4, "'port' must be a number from 1 to"),
        (SQL + "  dialect: postgresql\n  url: a/b", 4, "must be a host, or a whole address"),
        (SQL + "  dialect: postgresql\n  url: u:s3cret@h", 4, "must be a host, or a whole address"),
        (SQL + "  dialect: postgresql\n  url: h:x", 4, "must be a host, or a whole address"),
        (SQL + "  dialect: postgresql\n  password: b", 2, "must come with a user name"),
        (SQL + "  dialect: postgresql\n  db: ''", 2, "must have a database"),
        (SQL + "  url: 'oracle://u:s3cret@h/d'", 2, "must be sqlite or postgresql.*'oracle'"),
        (SQL + "  url: 'postgresql://u:s3cret#1@h/d'", 2, "as SQLAlchemy has it"),
        (SQL + "  url: 'postgresql://u:s3cret@h:x/d'", 2, "as SQLAlchemy has it"),
        (SQL + "  url: 'postgresql://h/d?host=a&host=b'", 2, "must be there once"),
        (SQL + "  query: a", 3, "'query' must be a mapping of texts"),
        ("lock_store:\n  type: redis\n  url: x", 2, "must be in_memory(?s:.*)tracker_store:"),
        ("lock_store:\n  type: in_memory\n  url: x", 3, "'lock_store' has the keys type"),
        ("event_broker: file", 1, "'event_broker' must be a mapping"),
        ("event_broker:\n  path: a", 2, "needs a type"),
        ("event_broker:\n  type: kafka", 2, "cannot be sent to Kafka(?s:.*)type: pika"),
        ("event_broker:\n  type: sql", 2, "need no database of their own(?s:.*)type: file"),
        ("event_broker:\n  type: fiel", 2, "must be file, pika or.*Try: type: file"),
        ("event_broker:\n  type: my.Broker\n  size: .nan", 3, "a number must be finite"),
        ("event_broker:\n  type: file\n  pth: a", 3, "has the keys type, path.*Try: 'path'"),
        ("event_broker:\n  type: file\n  path: [a]", 3, "'path' must be a text"),
        ("event_broker:\n  type: pika\n  url: h", 2, "needs a username"),
        (PIKA, 2, "needs a url"),
        (PIKA + "  url: 'amqp://u:s3cret@h'", 5, "must be a host, or an address without"),
        (PIKA + "  url: 'http://h'", 5, "must be a host, or an address without"),
        (PIKA + "  url: h:x", 5, "must be a host, or an address without"),
        (PIKA + "  url: h\n  queues: []", 6, "at least one name"),
        (PIKA + "  url: h\n  queues: [a, '']", 6, "none of them empty"),
        (PIKA + "  url: h\n  retry_delay_in_seconds: 0", 2, "a number of seconds above 0"),
        (PIKA + "  url: h\n  port: 0", 6, "'port' must be a number from 1"),
        (PIKA + "  url: h\n  should_keep_unpublished_messages: 1", 6, "must be true or false"),
        ("nlg: http://x", 1, "'nlg' must be a mapping.*Try: url: http://localhost:5056/nlg"),
        ("nlg:\n  url: nowhere", 2, "the address of an NLG server must begin with"),
        ("nlg:\n  token: a", 2, "'nlg' needs a url"),
        ("nlg:\n  type: my.Nlg", 2, "must be callback.*or response"),
        ("nlg:\n  type: response\n  url: http://x", 2, "must have no url"),
        ("nlg:\n  url: http://x\n  enable_selective_domain: true", 3, "'nlg' has the keys"),
        ("models:\n  url: http://x\n  wait_time_between_pulls: 10", 2, "PUT /model"),
        ("tracker_stor:\n  type: SQL", 1, "must be a known one.*Try: tracker_store:"),
        ("nlg:\n  url: ${GOSSAMER_NOT_SET}/nlg", 2, "must be set.*GOSSAMER_NOT_SET"),
    ],
)
def test_faults_of_the_others(tmp_path: Path, text: str, line: int, fault: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=fault) as caught:
        read_endpoints(path)
    assert caught.value.where is not None
    assert (caught.value.where.path, caught.value.where.line) == (path, line)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tracker_store:", None),
        ("tracker_store: {type: InMemory}", InMemoryTrackerStore()),
        ("tracker_store: {type: SQL}", SqlTrackerStore()),
        ("tracker_store: {type: sql, db: talks.db}", SqlTrackerStore(db="talks.db")),
        (
            "tracker_store: {type: SQL, dialect: postgresql, url: 'h:5433', port: 1, db: d}",
            SqlTrackerStore(dialect="postgresql", host="h", port=5433, db="d"),
        ),
        (
            "tracker_store: {type: SQL, dialect: postgresql, url: '[::1]:5433', db: d}",
            SqlTrackerStore(dialect="postgresql", host="::1", port=5433, db="d"),
        ),
        (
            "tracker_store: {type: SQL, url: 'postgresql://u:p%40@h/d?sslmode=require'}",
            SqlTrackerStore(
                dialect="postgresql",
                host="h",
                db="d",
                username="u",
                password="p@",
                query={"sslmode": "require"},
            ),
        ),
    ],
)
def test_tracker_stores(tmp_path: Path, text: str, expected: object) -> None:
    assert read_endpoints(written(tmp_path, text)).tracker_store == expected


def test_a_tracker_store_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PORT", "5433")
    monkeypatch.setenv("DB_PASSWORD", "0123")
    text = """\
tracker_store:
  type: SQL
  dialect: postgresql
  url: localhost
  port: ${DB_PORT}
  db: rasa
  username: rasa
  password: ${DB_PASSWORD}
  query: {sslmode: require}
  login_db: postgres
"""
    found = read_endpoints(written(tmp_path, text)).tracker_store
    assert isinstance(found, SqlTrackerStore)
    address = "postgresql+psycopg://rasa:0123@localhost:5433"
    assert found.to_url() == f"{address}/rasa?sslmode=require"
    assert found.login_url() == f"{address}/postgres?sslmode=require"
    assert "0123" not in repr(found)


def test_what_is_beside_a_whole_address_is_not_used(tmp_path: Path) -> None:
    text = "tracker_store: {type: SQL, url: 'sqlite:///a.db', db: b.db}"
    with pytest.warns(UserWarning, match=r"endpoints.yml:1: .*is not used: db"):
        assert read_endpoints(written(tmp_path, text)).tracker_store == SqlTrackerStore(db="a.db")


@pytest.mark.parametrize(
    "store",
    [
        SqlTrackerStore(),
        SqlTrackerStore(db=":memory:"),
        SqlTrackerStore(db="/tmp/a b/ü?#%.db"),
        SqlTrackerStore(dialect="postgresql", host="::1", port=1, db="a"),
        SqlTrackerStore(dialect="postgres", host="h", db="a/b", username="u@:/"),
        SqlTrackerStore(
            dialect="postgresql+psycopg2",
            host="h",
            port=5432,
            db="ü",
            username="ann",
            password="p@:/?#[]% +é",
            query={"options": "-c search_path=a b&c"},
        ),
    ],
)
def test_addresses_of_databases(store: SqlTrackerStore) -> None:
    make_url = pytest.importorskip("sqlalchemy").make_url
    url = make_url(store.to_url())
    assert url.drivername == ("sqlite" if store.is_sqlite else "postgresql+psycopg")
    assert (url.host, url.port, url.database) == (store.host, store.port, store.db)
    assert (url.username, url.password) == (store.username, store.password)
    assert dict(url.query) == store.query
    again = SqlTrackerStore.from_url(store.to_url())
    assert again.to_url() == store.to_url()
    assert store.password is None or store.password not in repr(again)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{type: file}", FileBrokerOptions(path=Path("rasa_event.log"))),
        ("{type: File, path: a.jsonl}", FileBrokerOptions(path=Path("a.jsonl"))),
        (
            "{type: pika, url: localhost, username: a, password: b}",
            PikaBrokerOptions(host="localhost", username="a", password="b"),
        ),
        (
            "{type: pika, url: 'amqps://h/talks', username: a, password: b, queues: q, "
            "exchange_name: x, retry_delay_in_seconds: 1, should_keep_unpublished_messages: false}",
            PikaBrokerOptions(
                host="h",
                port=5671,
                username="a",
                password="b",
                queues=("q",),
                exchange_name="x",
                retry_delay_in_seconds=1.0,
                should_keep_unpublished_messages=False,
                virtual_host="talks",
                is_encrypted=True,
            ),
        ),
        (
            "{type: pika, url: 'h:1', port: 2, username: a, password: b, queues: [q, r]}",
            PikaBrokerOptions(host="h", port=1, username="a", password="b", queues=("q", "r")),
        ),
        (
            "{type: my.brokers.Mine, topic: talks, key: 0123}",
            OwnBrokerOptions(path="my.brokers.Mine", options={"topic": "talks", "key": 123}),
        ),
    ],
)
def test_event_brokers(tmp_path: Path, text: str, expected: object) -> None:
    found = read_endpoints(written(tmp_path, f"event_broker: {text}")).event_broker
    assert found == expected
    assert "password" not in repr(found)


def test_options_of_rabbitmq_without_effect(tmp_path: Path) -> None:
    text = f"{PIKA}  url: h\n  connection_attempts: 20\n  raise_on_failure: false\n"
    with pytest.warns(UserWarning, match="without effect.*: connection_attempts, raise_on_failure"):
        read_endpoints(written(tmp_path, text))


def test_an_nlg_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLG_SECONDS", "2.5")
    text = f"nlg:\n  type: callback\n  url: {URL}\n  token: a\n  timeout: ${{NLG_SECONDS}}\n"
    found = read_endpoints(written(tmp_path, text)).nlg
    assert found == NlgEndpoint(url=URL, token="a", timeout=2.5)
    assert read_endpoints(written(tmp_path, "nlg: {type: response}")).nlg is None
    assert read_endpoints(written(tmp_path, "lock_store: {type: in_memory}")).nlg is None


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan")])
def test_a_bad_timeout(timeout: float) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        ActionEndpoint(url=URL, timeout=timeout)


@pytest.mark.parametrize("url", ["http://ann:pass@x/", "ftp://ann:pass@x/", "http://x@y"])
def test_no_login_in_the_address(url: str) -> None:
    with pytest.raises(ConfigError, match="must not hold a user name") as caught:
        ActionEndpoint(url=url)
    assert "pass@" not in str(caught.value)


def test_a_misspelt_action_endpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.yml"
    path.write_text("action_endpiont:\n  url: http://localhost:5055/webhook\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"got 'action_endpiont'.*Try: action_endpoint:"):
        read_endpoints(path)
