"""The line of `iris qlist`, for both fakes."""


def format_line(known: dict[str, str]) -> str:
    """SAG 27.6, qlist: fourteen fields between carets.

    Name, directory, version, status with a time, configuration file last used, superserver port, web server port, JDBC gateway
    port, health, product, mirror member type, mirror status, data directory, superserver ports.
    """
    return (
        "{name}^{directory}^{version}^{status}^iris.cpf^{port}^0^53773^{health}^{product}^{member_type}^{mirror_status}^"
        "{directory}^{port}"
    ).format(**known)
