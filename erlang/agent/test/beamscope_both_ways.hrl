%% How a module of the agent is tested, `beamscope_x' by `beamscope_x_tests': both ways to run, with the module loaded
%% and with its forms interpreted. To be included behind eunit.hrl; scripts/build-agent.escript --test has it ready.

-compile({nowarn_unused_function, [{both_ways, 2}, {asking, 2}, {answer, 3}]}).

%% Each of `[{Title, Test}]' twice. A test is given a function that runs the agent: what `Run' makes of a way, and of the
%% one or two arguments behind it.
both_ways(Tests, Run) ->
    [
        %% Seconds: EUnit's own five are too few on a machine that others use.
        {timeout, 60, {lists:concat([Way, ": ", Title]), fun() -> Test(asking(Run, Way)) end}}
     || Way <- [loaded, interpreted], {Title, Test} <- Tests
    ].

asking(Run, Way) when is_function(Run, 3) -> fun(First, Second) -> Run(Way, First, Second) end;
asking(Run, Way) when is_function(Run, 2) -> fun(Argument) -> Run(Way, Argument) end.

%% What a function of the module answers.
answer(Way, Function, Spec) -> binary_to_term(packed(Way, Function, Spec)).

packed(Way, Function, Spec) ->
    Subject = list_to_existing_atom(lists:sublist(atom_to_list(?MODULE), length(atom_to_list(?MODULE)) - length("_tests"))),
    case {Way, persistent_term:get({agent, Subject})} of
        {loaded, #{name := Module}} ->
            Module:Function(Spec);
        {interpreted, #{functions := Functions}} ->
            {Function, Program} = lists:keyfind(Function, 1, Functions),
            Bindings = [{'A', Spec}, {'E', term_to_binary(Program)}, {'T', Program}],
            erl_eval:expr(element(1, Program), Bindings, none, none, value)
    end.
