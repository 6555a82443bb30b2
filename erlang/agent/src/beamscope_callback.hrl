%% Whose callback a process tells under '$initial_call'. Each module has a copy of its own: nothing else of ours is on a
%% node that interprets one. To be included behind the types and in front of the first function.

-compile({nowarn_unused_function, [{keepers, 0}, {module_of, 1}]}).

%% The behaviours that name the module of their callbacks in the place of a function: `{supervisor, Module, 1}'. Source:
%% init/1 of supervisor.erl and supervisor_bridge.erl, which put the callback there themselves.
keepers() -> [supervisor, supervisor_bridge].

%% The module that has the callbacks, or with the function that a process was spawned with.
module_of({First, Second, _}) ->
    case lists:member(First, keepers()) of
        true -> Second;
        false -> First
    end.
