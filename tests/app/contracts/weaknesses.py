"""For each rule, a source that has the weakness and the same source without it; `//!` marks the line that is found."""

from __future__ import annotations

PRAGMA = "pragma solidity 0.8.30;\n"
BANK = (
    "contract Bank { mapping(address => uint256) private balances; address private owner; address[] private payees;\n"
)


def bank(*lines: str) -> str:
    return PRAGMA + BANK + "\n".join(lines) + "\n}\n"


PAIRS: dict[str, list[tuple[str, str]]] = {
    "reentrancy": [
        (
            bank(
                "function withdraw(uint256 amount) external {",
                "  require(balances[msg.sender] >= amount);",
                '  (bool sent, ) = msg.sender.call{value: amount}("");  //!',
                "  require(sent);",
                "  balances[msg.sender] -= amount;",
                "}",
            ),
            bank(
                "function withdraw(uint256 amount) external {",
                "  require(balances[msg.sender] >= amount);",
                "  balances[msg.sender] -= amount;",
                '  (bool sent, ) = msg.sender.call{value: amount}("");',
                "  require(sent);",
                "}",
            ),
        ),
        (
            bank(
                "struct User { uint256 due; }",
                "mapping(address => User) private users;",
                "function pay() external {",
                "  User storage user = users[msg.sender];",
                '  (bool sent, ) = msg.sender.call{value: user.due}("");  //!',
                "  require(sent);",
                "  user.due = 0;",
                "}",
            ),
            bank(
                "struct User { uint256 due; }",
                "mapping(address => User) private users;",
                "function pay() external nonReentrant {",
                "  User storage user = users[msg.sender];",
                '  (bool sent, ) = msg.sender.call{value: user.due}("");',
                "  require(sent);",
                "  user.due = 0;",
                "}",
            ),
        ),
        (
            bank(
                "IToken private token;",
                "function take() external {",
                "  token.pull(1);  //!",
                "  owner = msg.sender;",
                "}",
            ),
            bank(
                "IToken private token;",
                "function take(address owner) external {",
                "  token.pull(1);",
                "  owner = msg.sender;",
                "}",
            ),
        ),
        (
            bank("function f(address to) external {", '  to.call.value(1)("");  //!', "  delete owner;", "}"),
            bank("function f(address to) external {", "  to.staticcall(msg.data);", "  delete owner;", "}"),
        ),
    ],
    "unchecked-call": [
        (
            bank("function pay(address to) external {", '  to.call{value: 1}("");  //!', "}"),
            bank(
                "function pay(address to) external {", '  (bool ok, ) = to.call{value: 1}("");', "  require(ok);", "}"
            ),
        ),
        (
            bank("function pay(address payable to) external {", "  to.send(1);  //!", "}"),
            bank("function pay(address payable to) external {", "  require(to.send(1));", "}"),
        ),
    ],
    "unchecked-transfer": [
        (
            bank("function pay(IERC20 token, address to) external {", "  token.transfer(to, 1);  //!", "}"),
            bank("function pay(IERC20 token, address to) external {", "  token.safeTransfer(to, 1);", "}"),
        ),
        (
            bank("function take(IERC20 t) external {", "  t.transferFrom(msg.sender, address(this), 1);  //!", "}"),
            bank("function take(IERC20 t) external {", "  require(t.transferFrom(msg.sender, address(this), 1));", "}"),
        ),
    ],
    "delegatecall-to-argument": [
        (
            bank(
                "function run(address code) external returns (bool ok) {", '  (ok, ) = code.delegatecall("");  //!', "}"
            ),
            bank("function run() external returns (bool ok) {", '  (ok, ) = owner.delegatecall("");', "}"),
        ),
    ],
    "unprotected-selfdestruct": [
        (
            bank("function end() external {", "  selfdestruct(payable(msg.sender));  //!", "}"),
            bank(
                "function end() external {", "  require(msg.sender == owner);", "  selfdestruct(payable(owner));", "}"
            ),
        ),
        (
            bank(
                "modifier when() { require(true); _; }",
                "function end() external when {",
                "  selfdestruct(payable(owner));  //!",
                "}",
            ),
            bank(
                "modifier mine() { require(msg.sender == owner); _; }",
                "function end() external mine {",
                "  selfdestruct(payable(owner));",
                "}",
            ),
        ),
    ],
    "call-in-loop": [
        (
            bank(
                "function all() external {",
                "  for (uint256 i = 0; i < 9; i++) {",
                "    payable(payees[i]).transfer(1);  //!",
                "  }",
                "}",
            ),
            bank("function one(uint256 i) external {", "  payable(payees[i]).transfer(1);", "}"),
        ),
    ],
    "fixed-gas": [
        (
            bank("function pay(address payable to) external {", "  to.transfer(1);  //!", "}"),
            bank(
                "function pay(address payable to) external {",
                '  (bool ok, ) = to.call{value: 1}("");',
                "  require(ok);",
                "}",
            ),
        ),
    ],
    "tx-origin": [
        (
            bank("function end() external view {", "  require(tx.origin == owner);  //!", "}"),
            bank("function end() external view {", "  require(msg.sender == owner);", "}"),
        ),
        (
            bank("function end() external view {", "  if (owner != tx.origin) revert();  //!", "}"),
            bank("function end() external view {", "  require(tx.origin == msg.sender);", "}"),
        ),
    ],
    "unprotected-initializer": [
        (
            bank("function initialize(address to) external {  //!", "  owner = to;", "}"),
            bank("function initialize(address to) external initializer {", "  owner = to;", "}"),
        ),
        (
            bank("function init(address to) public {  //!", "  owner = to;", "}"),
            bank(
                "bool private initialized;",
                "function init(address to) public {",
                "  require(!initialized);",
                "  owner = to;",
                "}",
            ),
        ),
    ],
    "missing-access-control": [
        (
            bank("function setOwner(address to) external {", "  owner = to;  //!", "}"),
            bank("function setOwner(address to) external onlyOwner {", "  owner = to;", "}"),
        ),
        (
            bank(
                "function sweep() external {",
                "  require(balances[msg.sender] > 1);",
                "  payable(msg.sender).transfer(address(this).balance);  //!",
                "}",
            ),
            bank(
                "function check() private view { require(msg.sender == owner); }",
                "function sweep() external {",
                "  check();",
                "  payable(msg.sender).transfer(address(this).balance);",
                "}",
            ),
        ),
        (
            bank("function mint(address to) external {", "  _mint(to, 1);  //!", "}"),
            bank(
                "mapping(address => bool) private may;",
                "function mint(address to) external {",
                "  if (!may[_msgSender()]) revert();",
                "  _mint(to, 1);",
                "}",
            ),
        ),
    ],
    "default-visibility": [
        ("contract A {\nfunction f() { }  //!\n}", "contract A { constructor() { } function f() public { } }"),
        ("library L {\nfunction f() pure { }  //!\n}", "interface I { function f(); }"),
    ],
    "default-state-visibility": [
        ("contract A {\nuint256 total;  //!\n}", "contract A { uint256 internal total; }"),
    ],
    "weak-randomness": [
        (
            bank(
                "function draw() external view returns (uint256) {",
                "  return uint256(keccak256(abi.encode(block.timestamp)));  //!",
                "}",
            ),
            bank(
                "function draw(bytes32 seed) external pure returns (uint256) {",
                "  return uint256(keccak256(abi.encode(seed)));",
                "}",
            ),
        ),
        (
            bank(
                "function draw() external view returns (uint256) {",
                "  return uint256(blockhash(block.number - 1)) % 6;  //!",
                "}",
            ),
            bank("function half() external view returns (uint256) {", "  return block.number % 6;", "}"),
        ),
    ],
    "timestamp-equality": [
        (
            bank("function due() external view returns (bool) {", "  return block.timestamp == 1;  //!", "}"),
            bank("function due() external view returns (bool) {", "  return block.timestamp >= 1;", "}"),
        ),
    ],
    "strict-balance": [
        (
            bank(
                "function full() external view returns (bool) {", "  return address(this).balance == 1 ether;  //!", "}"
            ),
            bank("function full() external view returns (bool) {", "  return address(this).balance >= 1 ether;", "}"),
        ),
    ],
    "hash-collision": [
        (
            bank(
                "function key(string memory a, string memory b) external pure returns (bytes32) {",
                "  return keccak256(abi.encodePacked(a, b));  //!",
                "}",
            ),
            bank(
                "function key(string memory a, string memory b) external pure returns (bytes32) {",
                "  return keccak256(abi.encode(a, b));",
                "}",
            ),
        ),
        (
            bank(
                "function key(uint256[] memory a, bytes memory b) external pure returns (bytes32) {",
                "  return keccak256(abi.encodePacked(a, b));  //!",
                "}",
            ),
            bank(
                "function key(uint256 a, string memory b) external pure returns (bytes32) {",
                "  return keccak256(abi.encodePacked(a, b));",
                "}",
            ),
        ),
    ],
    "unchecked-ecrecover": [
        (
            bank(
                "function who(bytes32 h, uint8 v, bytes32 r, bytes32 s) external pure returns (address) {",
                "  return ecrecover(h, v, r, s);  //!",
                "}",
            ),
            bank(
                "function who(bytes32 h, uint8 v, bytes32 r, bytes32 s) external pure returns (address a) {",
                "  a = ecrecover(h, v, r, s);",
                "  require(a != address(0));",
                "}",
            ),
        ),
    ],
    "missing-zero-check": [
        (
            bank("constructor(address to) {", "  owner = to;  //!", "}"),
            bank("constructor(address to) {", "  require(to != address(0));", "  owner = to;", "}"),
        ),
    ],
    "division-first": [
        (
            bank(
                "function share(uint256 a, uint256 b) external pure returns (uint256) {",
                "  return (a / b) * 100;  //!",
                "}",
            ),
            bank(
                "function share(uint256 a, uint256 b) external pure returns (uint256) {", "  return (a * 100) / b;", "}"
            ),
        ),
    ],
    "unbounded-loop": [
        (
            bank(
                "function all() external view returns (uint256 n) {",
                "  for (uint256 i = 0; i < payees.length; i++) n++;  //!",
                "}",
            ),
            bank(
                "function all(address[] calldata payees) external pure returns (uint256 n) {",
                "  for (uint256 i = 0; i < payees.length; i++) n++;",
                "}",
            ),
        ),
    ],
    "value-in-loop": [
        (
            bank(
                "function buy(uint256 n) external payable {",
                "  while (n-- > 0) {",
                "    balances[msg.sender] += msg.value;  //!",
                "  }",
                "}",
            ),
            bank("function buy() external payable {", "  balances[msg.sender] += msg.value;", "}"),
        ),
    ],
    "locked-ether": [
        (
            bank("function pay() external payable { }  //!"),
            bank(
                "function pay() external payable { }",
                "function out() external onlyOwner {",
                "  payable(owner).transfer(1);",
                "}",
            ),
        ),
        (
            "contract A {\nreceive() external payable { }  //!\n}",
            "contract A is Unknown {\nreceive() external payable { }\n}",
        ),
    ],
    "assembly": [
        (
            bank("function id() external view returns (uint256 n) {", "  assembly { n := chainid() }  //!", "}"),
            bank("function id() external view returns (uint256) {", "  return block.chainid;", "}"),
        ),
    ],
    "deprecated-name": [
        (
            "contract A { function f() public returns (uint256) {\n  return now;  //!\n} }",
            "contract A { function f(uint256 now) public { now++; } }",
        ),
        ("contract A { function f() public {\n  throw;  //!\n} }", "contract A { function f() public { revert(); } }"),
        (
            "contract A { function f(address a) public {\n  a.callcode(msg.data);  //!\n} }",
            "contract A { function f() public { } }",
        ),
    ],
    "shadowing": [
        (
            bank("function f() external pure {", "  uint256 balances = 1;  //!", "}"),
            bank("function f() external pure {", "  uint256 mine = 1;", "}"),
        ),
        (
            "contract A { uint256 internal total; }\ncontract B is A {\n  uint256 internal total;  //!\n}",
            "contract A { uint256 internal total; }\ncontract B is A {\n  uint256 internal sum;\n}",
        ),
        (
            "contract A { address private owner;\n  function f(address owner) external { }  //!\n}",
            "contract A { address private owner;\n  constructor(address owner) { }\n}",
        ),
    ],
    "not-a-constructor": [
        ("contract Owned {\n  function Owned() public { }  //!\n}", "contract Owned {\n  constructor() { }\n}"),
        (
            "contract Owned {\n  function constructor() public { }  //!\n}",
            "contract Owned {\n  function owned() public { }\n}",
        ),
    ],
    "turned-text": [
        ("contract A {\n  // \u202e hidden  //!\n}", "contract A {\n  // plain\n}"),
    ],
    "floating-pragma": [
        ("pragma solidity ^0.8.20;  //!\ncontract A { }", "pragma solidity 0.8.20;\ncontract A { }"),
        ("pragma solidity >=0.8.0 <0.9.0;  //!\ncontract A { }", "pragma solidity =0.8.20;\ncontract A { }"),
    ],
    "old-compiler": [
        ("pragma solidity 0.7.6;  //!\ncontract A { }", "pragma solidity 0.8.0;\ncontract A { }"),
        ("pragma solidity >=0.4.22 <0.9.0;  //!\ncontract A { }", "pragma solidity >=0.8.4 <0.9.0;\ncontract A { }"),
        ("pragma solidity ^0.6.0 || ^0.8.0;  //!\ncontract A { }", "pragma solidity ^0.8.0;\ncontract A { }"),
    ],
    "missing-pragma": [
        ("// nothing\ncontract A { }  //!", "pragma solidity 0.8.30;\ncontract A { }"),
        ("pragma abicoder v2;\ncontract A { }  //!", "pragma abicoder v2;\npragma solidity 0.8.30;\ncontract A { }"),
    ],
}
