"""The table of diagnostics: every code, what it means and how to mend it.

E0 files and budgets, E1 syntax, E2 names and indices, E3 sizes and shapes, E4 types, E5 ranges,
E6 definitions, E7 modules and calls, E8 laws and incremental evaluation, W2 warnings.
docs/errors.md shows each with an example.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    code: str
    title: str
    explanation: str


_TABLE = """
E001 The file is not UTF-8
Specs are UTF-8 text. The byte named here does not belong to any character of it. Save the file
as UTF-8 in your editor.

E002 A file or folder cannot be read
What was named does not exist, is not a file, may not be read, or lies outside the spec root.
Check the path and its permissions.

E003 An indented line has nothing to continue
A statement starts in column 0, and deeper lines continue it. Here the first line of a file is
indented. Move it to column 0.

E004 The file is too large
A spec file has a budget, so that checking always ends soon. Split the file into several, and
import what one needs from another.

E005 An expression nests too deeply
Brackets and operators nest only so deep. Give a part of it a name, in an equation of its own.

E006 A statement is too long
A statement may have only so many operators and commas. Give parts of it names, in equations of
their own.

E007 Conditions, powers or reducers nest too deeply
An expression may nest only so deep. Give a part of it a name, in an equation of its own.

E008 A number has too many digits
Numbers are exact, and have a budget of digits and of exponents. Write fewer digits, or a power
as `10 ^ n`.

E009 A path cannot be a Python module
The code generated for `a/b.eq` is the Python module `a.b`, so files and folders are named with
ASCII letters, digits and `_`, and not like a Python keyword. Rename the file or folder.

E010 An expression is too large once its definitions are written out
A def stands for its body, a derived size for its value. Where they use one another they can grow
beyond any bound, so the written-out size and depth have a budget. Name intermediate results in
equations instead.

E100 Something cannot stand here
The text is not a statement of the language at this point. The label says what could stand here.

E101 A character without meaning
The language has no use for this character outside of strings and comments. The help line names
the way to write what is probably meant.

E102 A string does not end
Strings begin and end with `"`. Close it.

E103 A bracket closes nothing
There is no open bracket of this kind here. Remove it, or open the bracket that is missing.

E104 A bracket is never closed
A statement ends before the bracket is closed. A line in column 0 begins a new statement: indent
the lines that continue one.

E105 A reserved word as a name
Keywords, reducers and row operators cannot name anything. Choose another name.

E106 A statement ends too early
Something should follow at the end of the statement. A line in column 0 begins a new statement:
indent the lines that continue one.

E107 A line does not begin a statement
A statement is an equation, or begins with a keyword such as `size` or `input`. The help line
names a keyword that is spelt alike.

E108 A minus in the wrong place
A minus may begin a sum, an exponent, or the operand of a reducer. Elsewhere put the negated part
in parentheses.

E109 A reducer in the wrong place
A reducer reaches over the whole term behind it. To keep that plain, it may follow only `*`, `/`,
`+`, `-`, a comparison or an opening bracket; otherwise put it in parentheses.

E110 A string that documents nothing
A string stands only straight after `module NAME`, as its documentation. A comment begins with
`#`.

E111 A statement outside any module
Only `import` and `def` stand outside modules. Begin a module above the statement.

E112 `=` in an expression
`=` defines a name at the start of a statement. Equality is written `==`.

E113 `**` is no operator
A power is written `x ^ 2`.

E114 Two expressions side by side
There is no implicit product. Write `*` between factors. A subscript stands in square brackets.

E201 An unknown name
Nothing in the module, or among the parameters of the def, has this name. Names are
case-sensitive. The help line names one that is spelt alike.

E202 A name is defined twice
Sizes, indices, tensors, consts and submodules of a module share one namespace. Only a recurrence
has two equations: a base and a step.

E203 A free index
Every index on the right of an equation stands on the left, or is bound by an operator. There is
no implicit summation: put the index on the left, or write the sum.

E204 Not an index variable
Operators bind index variables, and left sides are subscripted by them. A size, for one, is not
an index: declare an index that ranges over it.

E205 An index is bound twice
An operator binds each of its indices once. Declare a second index with the same range.

E206 A row operator without its row
`softmax`, `log_softmax` and `rank` give a value at each place of a row, so their index must be in
scope around them: on the left side, or bound by an operator outside.

E207 A subscript on the left that is no index
An equation defines every element at once, so its left subscripts are index variables. Only a
recurrence has `0` and `i+1` there. Write conditions on the right.

E208 An index stands twice on the left
The left subscripts are distinct. A diagonal is written with a condition: `if i == j then … else
0`.

E209 A name that generated code cannot have
Greek letters are spelt out in generated code. Other letters outside of ASCII have no spelling
there. Choose a name of ASCII and Greek letters.

E210 Two names become one
Greek letters are spelt out in generated code, and module names become functions in snake case.
These two names are the same there. Rename one.

E211 A function or submodule is not a value
It has to be applied: functions to scalars, submodules to whole tensors in an equation of their
own.

E212 An operator binds too many indices
`argmax` and `argmin` give the value of the one index they bind; row operators act along one
index. For several indices, flatten them or nest the operators.

E214 A built-in function is redefined
Built-in functions and `grad` keep their meaning everywhere. Choose another name.

E215 A prime outside of a law
A prime names the second evaluation of a law. Choose a name without it.

E301 The wrong number of subscripts
A tensor takes one subscript for each axis. The label shows its shape.

E302 A name cannot stand here
Dimensions and ranges are made of sizes; requirements, defaults, distributions and the settings of
modules of sizes and consts; the default of a const of numbers alone.

E303 A size is defined by itself
The definitions of derived sizes lead in a circle. Make one of them a plain size.

E304 A tensor where a scalar is expected
Equations are written element by element. Give the tensor its subscripts, or bind it as a whole:
`y = x` with nothing else on the right.

E305 Only tensors have subscripts
Sizes, indices, consts and expressions in parentheses are scalars. Remove the brackets.

E306 The base and the step of a sequence differ in shape
All elements of a sequence have one shape. Compare the axes of both equations, apart from the one
that steps.

E401 A boolean in arithmetic
Booleans enter arithmetic only through the Iverson bracket: `[c]` is 1 where c holds and 0
elsewhere.

E402 A number as a condition
A condition is true or false. Compare the number with something.

E403 `//` and `%` take integers
Floor division and remainder are for sizes, indices and integer tensors. Exact division is `/`.

E404 A comparison of booleans
Booleans compare with booleans only, by `==` and `!=`. They have no order.

E405 A boolean here, a number there
Both branches of an `if`, or the base and the step of a sequence, are numbers or both are
booleans.

E406 An integer is expected
Subscripts, sizes and ranges are integers. `/` is exact division, which is real even where it
comes out whole; use `//`.

E407 A const where an integer is expected
Consts are real numbers, however their default is written. A whole number that shapes something
is a size: one that no input fixes is passed by the caller like a const.

E408 An unknown function
There is no built-in function, def, module or submodule of this name. The help line names one
that is spelt alike. Subscripts stand in square brackets.

E409 A function is given an argument by name
Functions of scalars take their arguments by position. Modules take them by name.

E410 A number where a boolean operand is expected
`count`, `any` and `all` take a condition, normally in parentheses: `count[n] (x[n] > 0)`.

E411 The wrong number of arguments
The function takes another number of arguments. `min(a, b)` compares two; the least element over
an index is `min[i] …`.

E412 An unknown number format
`rounded(x, f)` rounds to one of bfloat16, float16, float32, float64.

E415 A module inside an expression
Modules take and give whole tensors, and no arithmetic applies to those. Name the result in an
equation of its own, and use its elements.

E501 A subscript may be negative
Every subscript must provably stay in range, from the ranges of indices, sizes being at least 1,
requirements, and the conditions around it. Guard it by a condition, or state a requirement.

E502 A subscript may run past the end
Every subscript must provably stay in range, from the ranges of indices, sizes being at least 1,
requirements, and the conditions around it. Guard it by a condition, or state a requirement.

E503 A default outside of its domain
The default of an integer input must provably lie in 0 … V-1.

E504 An argument outside of its domain
The callee takes integers in 0 … V-1, and the argument must provably lie there. Its range is
inferred from its equation: bound it there, by `min`, `%` or a condition.

E505 A fixed value outside of its domain
`with` fixes an integer input, and the value must provably lie in the input's domain.

E506 Proofs take too long
What is to be proved of the subscripts of a file has a budget, so that checking always ends soon.
Split the file into several, name parts of conditions, or state plainer requirements.

E601 A definition depends on itself
No element may depend on itself. A recurrence has a base and a step, and every cycle passes to a
smaller step.

E602 An equation that nothing needs
Every equation is needed by an output or a law. Remove it, or make it an output.

E603 A def calls itself
A def is an abbreviation, and may not recurse, not even through others. Write a recurrence in a
module.

E604 An unused input
No statement mentions the input. Remove it.

E605 A module without output
A module has one or more results. Write `output` before their equations.

E606 An unused const
No statement mentions the const. Remove it.

E607 An unused param
No statement mentions the param. Remove it.

E608 An unused random source
No statement mentions the random source. Remove it.

E609 Half of a recurrence
A sequence has a base, which defines its element 0, and a step, which defines element i+1. One of
the two is missing.

E610 A base and a step that do not match
In one place, the same in both equations, the base has `0` and the step `i+1`; or, running down,
the base has the range of i and the step `i`. All other subscripts are index variables.

E611 `output` on half of a recurrence
`output` goes on both equations, and gives the whole sequence.

E612 A step reads what is not computed yet
Within a step, definitions may read one another acyclically; everything else among them must
provably go to an earlier step. Compare the subscript with the step index.

E613 Sequences that do not step together
Sequences that feed one another step along the same index, in the same direction, and what stands
between their steps has that index among its subscripts.

E614 A param without initial value
`~ normal(std = 0.02)` draws the initial value, `= 1` is a constant.

E615 An unknown distribution
Params start from normal, uniform or xavier; random sources follow uniform, normal, gumbel or
exponential.

E616 Wrong arguments of a distribution
The help line shows the arguments that this distribution takes. For params they are named.

E617 `xavier` needs two dimensions
It draws from ± sqrt(6 / (rows + columns)). Use `normal` or `uniform` for other shapes.

E618 An unused submodule
No equation applies the submodule. Remove it.

E701 An import from a file that does not exist
`import M from a.b` reads `a/b.eq` under the spec root; `lawful.a.b` reads the library that comes
with lawful. The help line names a file that is spelt alike.

E702 An import of something unknown
The file has no module or def of this name. The help line names one that is spelt alike.

E703 Imports in a circle
A file may not import, through others, itself. Move what both need into a file of its own.

E704 An unknown module
`use` names a module of the same file, or an imported one.

E705 A module contains itself
A module may not apply itself, not even through others. A stack of layers is `use block[L]: …`.

E706 Params without a holder
A module with params is applied through a submodule, which holds them. Declare it by `use`.

E707 An unknown argument
The module has no input, const or size of this name. The help line says what it takes.

E708 A missing argument
Inputs without default and random sources of a callee are passed by name.

E709 An argument given twice
Each argument is given once, by position or by name.

E710 An argument by position
Arguments are named. Only the single input of a module may go by position.

E711 An argument of the wrong shape
The callee's sizes are read off the shapes of the arguments, and all must agree, provably.

E712 An argument of the wrong type
Integers may be passed for reals. Booleans and integers are passed only where they are expected.

E713 A size or const that nothing fixes
Sizes that no argument's shape gives, and consts without default, are given by name: in `use` for a
submodule, in the call otherwise.

E714 A stack and a single submodule are confused
One of a stack `use block[L]: …` is applied by `block[l](…)`; a single submodule takes no
subscript.

E715 An unknown output
The module has no output of this name. The help line names one that is spelt alike.

E716 A record where one tensor is expected
A module with several outputs gives a record. Take one of its fields: `r.x`.

E717 A field of something that has none
Fields belong to the results of modules with several outputs.

E718 An expression where a whole tensor is expected
Arguments are whole tensors. Name the expression in an equation of its own, and pass that.

E719 A setting in the wrong place
The sizes and consts of a submodule are fixed where `use` declares it, its inputs where it is
called.

E720 A derived size is given
The size follows from others of the callee by its definition. Give those.

E721 Calls that disagree
All calls of a submodule share its params, and so the sizes of those. Declare two submodules.

E801 `grad` outside of a law
Derivatives are for laws. An equation states its own derivative if it needs one.

E802 What `grad` takes
`grad(y[…], x[…])` is the derivative of one element by one element of an input or param.

E803 A derivative of integers or booleans
Only real tensors have derivatives.

E804 A prime without second evaluation
`with x'[…] = …` begins the second evaluation that primed names speak of.

E805 Something that cannot be primed
Inputs, params, consts, random sources and what depends on them may be primed; sizes, indices and
submodules are the same in both evaluations.

E806 Something that `with` cannot fix
`with` fixes inputs, params, consts and random sources. Equations follow from those.

E807 A subscript on the left of `with`
It fixes every element at once, so the subscripts are index variables.

E808 A fixed value of the wrong type
The value must have the type of what it fixes. Integers may stand for reals.

E809 Something fixed in terms of itself
Without a prime there is one evaluation, in which this is a circle. With a prime on the left, the
right side speaks of the first evaluation.

E810 Something fixed twice
A law fixes each input once in each evaluation.

E821 Two `incremental` statements
A module can be fed along one index.

E822 An index that cannot be time
`incremental t` needs an index whose range is a plain size, `index t: T`: the number of positions.

E823 No input along time
The inputs that are fed one position at a time are those with an axis of size T.

E824 An input with two time axes
An input has at most one axis of size T. Give the other axis a size of its own.

E825 The length in use
While time goes on, the number of positions is not known, so T cannot occur in expressions, params
or other axes. Positions can.

E826 Something later is read
Outputs at t may depend on inputs up to t alone. The subscript shown here is not provably at most
t. Masks count: what a masked softmax multiplies is read only inside the mask.

E827 An output that is not along time
Every output of an incremental module has exactly one axis of size T.

E828 What time steps cannot keep
The equations are causal, but evaluating them a few positions at a time would need what the
cache does not hold: an earlier turn of a loop in the midst of it, a tensor along several of its
axes of time, or a callee that looks back and is not `incremental` itself.

W201 An unused index
No statement mentions the index. Remove it.

W202 An unused size
No statement mentions the size. Remove it.
"""


def _rows() -> dict[str, Code]:
    rows: dict[str, Code] = {}
    for entry in _TABLE.strip().split("\n\n"):
        head, _, explanation = entry.partition("\n")
        code, _, title = head.partition(" ")
        rows[code] = Code(code, title, " ".join(explanation.split()))
    return rows


CODES = _rows()
