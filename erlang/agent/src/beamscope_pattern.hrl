%% A part of what is printed of a term, as a regular expression: it is made where the part was typed, in the syntax of a
%% language, and finds it in what Erlang prints, in any case. To be included behind the types.

-compile({nowarn_unused_function, [{holds, 2}]}).

holds(Text, Pattern) -> re:run(Text, Pattern, [caseless, unicode, {capture, none}]) =:= match.
