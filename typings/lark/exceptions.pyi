from lark import Token

class UnexpectedInput(Exception):
    pos_in_stream: int

class UnexpectedCharacters(UnexpectedInput): ...

class UnexpectedToken(UnexpectedInput):
    token: Token
    expected: set[str]
    @property
    def accepts(self) -> set[str]: ...

class VisitError(Exception):
    orig_exc: Exception
