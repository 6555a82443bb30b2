%% Supervisors to ask, by what they have below them. To be included behind beamscope_waiting.hrl, in front of the first
%% function.

-include("beamscope_foreign_supervisor.hrl").

%% A supervisor, ended whatever becomes of Body.
with(Kind, Body) ->
    {ok, Pid} = supervisor:start_link(?MODULE, Kind),
    register(?MODULE, Pid),
    try
        Body(Pid)
    after
        unlink(Pid),
        kill(Pid)
    end.

%% The same of one below another.
beneath(Kind, Body) ->
    with(above, fun(Above) ->
        Start = {supervisor, start_link, [?MODULE, Kind]},
        {ok, Pid} = supervisor:start_child(Above, #{id => below, type => supervisor, start => Start}),
        try
            Body(Pid)
        after
            supervisor:terminate_child(Above, below)
        end
    end).

init(outer) ->
    {ok, {#{}, [
        #{id => inner, type => supervisor, start => {supervisor, start_link, [?MODULE, inner]}},
        #{id => starting, start => {?MODULE, start_starting, []}}
    ]}};
init(ending) ->
    process_flag(trap_exit, true),
    put('$initial_call', {supervisor, ?MODULE, 1}),
    {ok, ending};
init({large, Kind}) ->
    process_flag(trap_exit, true),
    State = lists:seq(1, 100000),
    hd([{ok, waiting, State} || Kind =:= machine] ++ [{ok, State}]);
init(above) ->
    {ok, {#{}, []}};
init(static) ->
    {ok, {
        #{strategy => one_for_one, intensity => 7, period => 3600},
        [
            #{id => first, start => {?MODULE, start_child, []}},
            #{id => lists:seq(1, 1000), start => {?MODULE, fail, []}},
            #{
                id => inner,
                type => supervisor,
                start => {supervisor, start_link, [?MODULE, inner]},
                modules => [?MODULE]
            }
        ]
    }};
init({ignored, Count}) ->
    {ok, {#{}, [#{id => N, restart => transient, start => {?MODULE, ignore, []}} || N <- lists:seq(1, Count)]}};
init({ids, Count, Items}) ->
    Common = lists:seq(1, Items),
    {ok, {#{}, [#{id => {N, Common}, start => {?MODULE, start_child, []}} || N <- lists:seq(1, Count)]}};
init({servers, Count}) ->
    {ok, {#{}, [#{id => N, start => {?MODULE, start_putting, [[]]}} || N <- lists:seq(1, Count)]}};
init({arguments, Count, Items}) ->
    Common = lists:seq(1, Items),
    {ok, {#{}, [#{id => N, start => {?MODULE, start_idle, [Common]}} || N <- lists:seq(1, Count)]}};
init(remote) ->
    {ok, {#{}, [#{id => far, start => {?MODULE, start_far, []}}]}};
init(nested) ->
    Supervisors = [#{id => Id, type => supervisor, start => {supervisor, start_link, [?MODULE, inner]}} || Id <- [a, b, c]],
    Foreign = {?MODULE, start_foreign, [[{?MODULE, start_child, []}]]},
    {ok, {#{}, Supervisors ++ [#{id => foreign, type => supervisor, start => Foreign}]}};
init(inner) ->
    {ok, {#{intensity => 5, period => 3600}, [#{id => innermost, start => {?MODULE, start_child, []}, modules => dynamic}]}};
init(hidden) ->
    {ok, {#{}, [#{id => inner, start => {supervisor, start_link, [?MODULE, inner]}}, #{id => plain, start => {?MODULE, start_child, []}}]}};
init(circle) ->
    {ok, {#{}, [#{id => Id, type => supervisor, start => {?MODULE, start_self, []}} || Id <- [a, b]]}};
init(shared) ->
    {ok, Shared} = supervisor:start_link(?MODULE, inner),
    Start = fun(Found) -> {?MODULE, start_found, [Found]} end,
    Above = {supervisor, start_link, [?MODULE, {over_found, Shared}]},
    {ok, {#{}, [#{id => above, type => supervisor, start => Above}, #{id => shared, type => supervisor, start => Start(Shared)}]}};
init({over_found, Pid}) ->
    {ok, {#{}, [#{id => same, type => supervisor, start => {?MODULE, start_found, [Pid]}}]}};
init(over) ->
    {ok, {#{}, [#{id => simple, type => supervisor, start => {supervisor, start_link, [?MODULE, simple]}}]}};
init(simple) ->
    {ok, {#{strategy => simple_one_for_one}, [#{id => any, start => {?MODULE, start_child, []}}]}};
init(deep) ->
    {ok, {#{strategy => simple_one_for_one}, [#{id => any, start => {?MODULE, start_deep, []}}]}};
init(slow) ->
    {ok, {#{strategy => simple_one_for_one}, [#{id => any, start => {proc_lib, start_link, [timer, sleep]}}]}};
init(later) ->
    {ok, {#{}, [
        #{id => victim, type => supervisor, start => {supervisor, start_link, [?MODULE, inner]}},
        #{id => suspender, type => supervisor, start => {gen_server, start_link, [?MODULE, suspender, []]}}
    ]}};
init(kinds) ->
    {ok, {#{}, [
        #{id => bridge, type => supervisor, start => {supervisor_bridge, start_link, [?MODULE, bridge]}},
        #{id => custom, type => supervisor, start => {gen_server, start_link, [?MODULE, custom, []]}},
        #{id => server, start => {gen_server, start_link, [?MODULE, server, []]}},
        #{id => plain, type => supervisor, start => {?MODULE, start_child, []}}
    ]}};
init(foreign) ->
    Inner = {?MODULE, start_foreign, [[{?MODULE, start_child, []}]]},
    {ok, {#{}, [#{id => outer, type => supervisor, start => {?MODULE, start_foreign, [[Inner]]}}]}};
init(bridge) ->
    {ok, Pid} = start_child(),
    {ok, Pid, state};
init(custom) ->
    start_child();
init(suspender) ->
    put('$initial_call', {supervisor, ?MODULE, 1}),
    {ok, suspender};
init({answers, _} = Answers) ->
    put('$initial_call', {supervisor, ?MODULE, 1}),
    {ok, Answers};
init(server) ->
    {ok, state}.

terminate(_, _) -> ok.

callback_mode() -> handle_event_function.

handle_call(which_children, {Asking, _}, suspender) ->
    [Parent | _] = get('$ancestors'),
    {_, Links} = process_info(Parent, links),
    [
        sys:suspend(Pid)
     || Pid <- Links, is_pid(Pid), Pid =/= self(), Pid =/= Asking,
        {dictionary, Entries} <- [process_info(Pid, dictionary)],
        lists:prefix([Parent], proplists:get_value('$ancestors', Entries, []))
    ],
    {reply, [], suspender};
handle_call(which_children, _, ending) ->
    {stop, normal, ending};
handle_call(which_children, _, {answers, Answer} = State) ->
    {reply, Answer, State};
handle_call(_, _, State) ->
    {reply, ok, State}.
handle_cast(_, State) -> {noreply, State}.

start_child() -> start_child(small).

start_idle(_) -> start_child().

start_putting(Entries) ->
    proc_lib:start_link(?MODULE, put_and_idle, [self(), Entries]).

put_and_idle(Parent, large) ->
    put_and_idle(Parent, [{items, lists:seq(1, 100000)}]);
put_and_idle(Parent, Entries) ->
    process_flag(trap_exit, proplists:get_bool(trap_exit, Entries)),
    [put(Key, Value) || {Key, Value} <- Entries],
    proc_lib:init_ack(Parent, {ok, self()}),
    idle().

start_deep(0) ->
    receive
        never -> ignore
    end;
start_deep(Frames) ->
    {start_deep(Frames - 1), Frames}.

start_self() -> {ok, self()}.

start_found(Pid) -> {ok, Pid}.

ignore() -> ignore.

start_child(Data) ->
    {ok,
        spawn_link(fun() ->
            idle(),
            Data
        end)}.

fail() -> ignore.

%% NEW_PID_EXT.
start_far() -> {ok, binary_to_term(<<131, 88, 119, 3, "a@b", 90:32, 0:32, 1:32>>)}.

%% A process that has started a supervisor, and is none.
start_starting() ->
    Starting = self(),
    Pid = spawn_link(fun() ->
        {ok, _} = supervisor:start_link(?MODULE, inner),
        Starting ! {self(), started},
        idle()
    end),
    receive
        {Pid, started} -> {ok, Pid}
    end.
