%% Who serves as a supervisor, as far as its dictionary tells. Each module has a copy of its own: nothing else of ours is on
%% a node that interprets one. To be included behind the types and in front of the first function.

%% By the callback that a process tells under '$initial_call'. `supervisor': one of OTP's, or what calls itself one, as those
%% of Elixir do; only these may be asked for children. `bridge': a supervisor_bridge. `other': its module, which is loaded,
%% offers what supervisors do, as supervisor2 of RabbitMQ does. `none': nothing says so.
supervises({supervisor, _, _}) ->
    supervisor;
supervises({supervisor_bridge, _, _}) ->
    bridge;
supervises({Module, _, _}) when is_atom(Module) ->
    case erlang:function_exported(Module, which_children, 1) andalso erlang:function_exported(Module, start_child, 2) of
        true -> other;
        false -> none
    end;
supervises(_) ->
    none.
